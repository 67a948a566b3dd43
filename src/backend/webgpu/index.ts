/**
 * Tensors on a GPU, through WebGPU: `evenkeel/webgpu`. Browsers and Deno bring it along; Node needs the package
 * `webgpu`.
 *
 * @module
 */
import { forgetBackend, registerBackend } from "../index.js";
import type { DeviceDescription, WebgpuOptions } from "./device.js";
import type { Counts } from "./recorder.js";
import { startOn } from "./start.js";

export type { DeviceDescription, WebgpuOptions } from "./device.js";
export type { Counts } from "./recorder.js";
export { type SelfTestReport, type SelfTestRow, type SelfTestSpeed, selfTest } from "./selftest/self-test.js";

/** The device that {@link webgpu} has opened. */
export interface WebgpuDevice extends DeviceDescription {
  /** What was done on it so far. */
  readonly counts: Counts;
  /** Gives memory that waits to be used again back to the device. */
  sweep(): void;
  /** Gives up the device with everything on it: tensors there can no longer be read. */
  destroy(): void;
}

/**
 * Opens a GPU, so that `setBackend("webgpu")` puts new tensors there. Values arrive later than on a CPU: `await
 * x.data()` reads them, `dataSync()` and `item()` throw. A loop with `fit` needs no change.
 *
 * Results are the same bits in every run on one device, driver and browser, and within rounding those of wasm. Numbers
 * smaller than 2⁻¹²⁶ may become 0 on the way.
 *
 * @throws BackendError if there is no GPU that WebGPU can use
 * @throws MissingPackageError in Node, if the package `webgpu` is not installed
 * @example
 * ```ts
 * const { name, isSoftware } = await webgpu();
 * setBackend("webgpu");
 * await tensor([1, 2]).mul(3).data(); // Float32Array [3, 6]
 * ```
 */
export async function webgpu(options: WebgpuOptions = {}): Promise<WebgpuDevice> {
  const { backend, recorder, description } = await startOn("webgpu(options)", options);
  registerBackend(backend);
  recorder.device.lost.then(() => forgetBackend(backend));
  return {
    ...description,
    get counts() {
      return recorder.counts;
    },
    sweep: () => recorder.sweep(),
    destroy: () => recorder.device.destroy(),
  };
}
