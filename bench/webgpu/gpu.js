// Loaded before a peer (`node --import`): gives Node a GPU where browsers have theirs, and counts what is asked of it.
import { create, globals } from "webgpu";

Object.assign(globalThis, globals);
const gpu = create([]);
globalThis.navigator ??= { hardwareConcurrency: 1, userAgent: "node" };
Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });

/** What a peer has asked of the device so far. */
export const counts = { dispatches: 0, submits: 0, bindGroups: 0, buffers: 0 };
globalThis.gpuCounts = counts;

for (const [owner, method, name] of [
  [GPUComputePassEncoder, "dispatchWorkgroups", "dispatches"],
  [GPUComputePassEncoder, "dispatchWorkgroupsIndirect", "dispatches"],
  [GPUQueue, "submit", "submits"],
  [GPUDevice, "createBindGroup", "bindGroups"],
  [GPUDevice, "createBuffer", "buffers"],
]) {
  const original = owner.prototype[method];
  owner.prototype[method] = function (...given) {
    counts[name]++;
    return original.apply(this, given);
  };
}
