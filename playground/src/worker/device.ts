import { BackendError, setBackend } from "evenkeel";
import type { DeviceDescription } from "evenkeel/webgpu";
import type { DeviceName } from "../settings.js";
import type { DeviceReport } from "./messages.js";

/** The GPU that was opened, which stays open for whatever is built next. */
let gpu: DeviceDescription | null = null;

/** Makes ready what was asked for or, where there is no GPU, wasm. The kernels of a GPU are fetched for it alone. */
export async function openDevice(asked: DeviceName): Promise<DeviceReport> {
  const wasm = { device: "wasm", name: "", isSoftware: false } as const;
  if (asked === "wasm") return { ...wasm, reason: null };
  try {
    const { webgpu } = await import("evenkeel/webgpu");
    if (gpu === null || isLost()) gpu = await webgpu();
    const { name, isSoftware } = gpu;
    return { device: "webgpu", name, isSoftware, reason: null };
  } catch (error) {
    const reason = error instanceof BackendError ? error.received : error instanceof Error ? error.message : `${error}`;
    return { ...wasm, reason };
  }
}

/** Whether the device has gone since, as when its driver was renewed. */
function isLost(): boolean {
  try {
    setBackend("webgpu");
    return false;
  } catch {
    return true;
  } finally {
    setBackend("wasm");
  }
}
