import { type BackendName, setBackend } from "evenkeel";
import { beforeAll, describe } from "vitest";

const chosen = process.env["EVENKEEL_BACKENDS"];

/**
 * Every backend there is: each test of an op or a layer runs on all of them. `vitest.webgpu.config.ts` runs them on a
 * GPU.
 */
export const backends: readonly BackendName[] =
  chosen === undefined ? ["cpu", "wasm"] : (chosen.split(",") as BackendName[]);

if (backends.includes("webgpu")) (await import("./gpu-bridge.js")).startBridge();

/**
 * Whether the tests run on a GPU, which does not promise the ends of float32, nor equal bits of two ways to one result:
 * docs/webgpu.md.
 */
export const onGpu: boolean = backends.includes("webgpu");

/** `describe` once for each backend, with that backend set. */
export function describeEachBackend(name: string, body: () => void): void {
  describe.each(backends)(`${name} on %s`, (backend) => {
    beforeAll(() => setBackend(backend));
    body();
  });
}
