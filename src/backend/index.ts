import { ArgumentError } from "../errors.js";
import type { Backend, BackendName } from "./backend.js";
import { cpu } from "./cpu/index.js";
import { wasm } from "./wasm/index.js";

const backends: Record<BackendName, () => Backend> = { cpu: () => cpu, wasm };
let current: Backend | null = null;

/** The backend on which new tensors are made. */
export function backend(): Backend {
  current ??= wasm();
  return current;
}

/**
 * Chooses where tensors made from now on live and are worked on. Tensors stay where they were made, and one op never
 * mixes two.
 *
 * @param name - `"wasm"` (the default: SIMD kernels) or `"cpu"` (plain loops in float64: slow, for checking)
 * @throws ArgumentError if there is no such backend
 * @throws BackendError if WebAssembly is refused here
 * @example
 * ```ts
 * setBackend("cpu");
 * ```
 */
export function setBackend(name: BackendName): void {
  const make = Object.hasOwn(backends, name) ? backends[name] : undefined;
  if (make === undefined) {
    throw new ArgumentError({
      where: "setBackend(name)",
      expected: '"cpu" or "wasm"',
      received: JSON.stringify(name),
      cure: "Pass one of the two.",
    });
  }
  current = make();
}

/** Bytes that tensors hold on the backend in force. */
export function memoryInUse(): number {
  return backend().bytesInUse();
}
