import { ArgumentError, BackendError } from "../errors.js";
import { shown } from "../shown.js";
import type { Backend, BackendName } from "./backend.js";
import { cpu } from "./cpu/index.js";
import { wasm } from "./wasm/index.js";

/** Those that a program has started itself, besides the two that are always there. */
const registered = new Map<BackendName, Backend>();
let current: Backend | null = null;

/** The backend on which new tensors are made. */
export function backend(): Backend {
  current ??= wasm();
  return current;
}

/**
 * Makes a backend known under its name, from then on, so that {@link setBackend} takes it. One of the same name takes
 * the place of the other, on which tensors live on.
 */
export function registerBackend(started: Backend): void {
  registered.set(started.name, started);
}

/**
 * Forgets a backend, say one whose device is lost. If it is in force, new tensors are made on wasm again.
 */
export function forgetBackend(lost: Backend): void {
  if (registered.get(lost.name) === lost) registered.delete(lost.name);
  if (current === lost) current = null;
}

/**
 * The backend of a name.
 *
 * @throws ArgumentError if there is no such backend
 * @throws BackendError if it has not been started, or WebAssembly is refused here
 */
export function backendOf(name: BackendName, where: string): Backend {
  const known = registered.get(name);
  if (known !== undefined) return known;
  switch (name) {
    case "cpu":
      return cpu;
    case "wasm":
      return wasm();
    case "webgpu":
      throw new BackendError({
        where,
        expected: "a backend that has been started",
        received: '"webgpu" before its device was there',
        cure: 'Import { webgpu } from "evenkeel/webgpu" and await webgpu() first.',
      });
    default:
      throw new ArgumentError({
        where,
        expected: '"cpu", "wasm" or "webgpu"',
        received: shown(name),
        cure: "Pass one of the three.",
      });
  }
}

/**
 * Chooses where tensors made from now on live and are worked on. Tensors stay where they were made, and one op never
 * mixes two.
 *
 * @param name - `"wasm"` (the default: SIMD kernels), `"cpu"` (plain loops in float64: slow, for checking) or
 * `"webgpu"` (a GPU, once `evenkeel/webgpu` has started it)
 * @throws ArgumentError if there is no such backend
 * @throws BackendError if WebAssembly is refused here, or `"webgpu"` has not been started
 * @example
 * ```ts
 * setBackend("cpu");
 * ```
 */
export function setBackend(name: BackendName): void {
  current = backendOf(name, "setBackend(name)");
}

/** Runs a synchronous function with another backend in force. */
export function onBackend<T>(instead: Backend, body: () => T): T {
  const before = current;
  current = instead;
  try {
    return body();
  } finally {
    current = before;
  }
}

/**
 * The backend in force if it answers at once, else cpu: where values lie that the host looks at, such as those of a
 * file.
 */
export function hostBackend(): Backend {
  const inForce = backend();
  return inForce.answersAtOnce ? inForce : cpu;
}

/** Bytes that tensors hold on the backend in force. */
export function memoryInUse(): number {
  return backend().bytesInUse();
}
