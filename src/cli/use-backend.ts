import type { BackendName } from "../backend/backend.js";
import { setBackend } from "../backend/index.js";
import type { DeviceDescription } from "../backend/webgpu/index.js";
import { BackendError, MissingPackageError } from "../errors.js";
import { printWarning } from "./print/warning.js";

const where = "--backend webgpu";

/**
 * Puts the backend of `--backend` in force, on which models and data lie from then on.
 *
 * @returns what to say of a GPU; null of the others
 * @throws MissingPackageError if the package `webgpu` is not installed
 * @throws BackendError naming the flag if there is no GPU
 */
export async function useBackend(name: BackendName): Promise<string | null> {
  if (name !== "webgpu") {
    setBackend(name);
    return null;
  }
  const { name: gpu, isSoftware } = await openGpu();
  if (isSoftware) printWarning(`${where}: ${gpu} is a program that imitates a GPU; --backend wasm is faster`);
  setBackend(name);
  return `on ${gpu}`;
}

async function openGpu(): Promise<DeviceDescription> {
  // Loaded where it is asked for: it carries the kernels.
  const { webgpu } = await import("../backend/webgpu/index.js");
  try {
    return await webgpu();
  } catch (error) {
    if (error instanceof MissingPackageError)
      throw new MissingPackageError({ where, package: error.package, purpose: "to reach the GPU" }, error);
    if (!(error instanceof BackendError)) throw error;
    const cure = "Install the GPU's driver (on Linux with its Vulkan part), or pass --backend wasm.";
    throw new BackendError({ ...error, where, cure }, { cause: error });
  }
}
