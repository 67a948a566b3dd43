// Loaded before a peer (`node --import`): gives Node a GPU where browsers have theirs, counts what is asked of it, and
// times its passes by its own clock.
import { create, globals } from "webgpu";

Object.assign(globalThis, globals);
// Browsers round the clock to 0.1 ms, which is more than most passes take.
const gpu = create(["disable-dawn-features=timestamp_quantization"]);
globalThis.navigator ??= { hardwareConcurrency: 1, userAgent: "node" };
Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });

/** What a peer has asked of the device so far. */
const counts = { dispatches: 0, submits: 0, bindGroups: 0, buffers: 0 };

/** Puts `instead(original, ...given)` in the place of a method. */
function wrap(owner, method, instead) {
  const original = owner.prototype[method];
  owner.prototype[method] = function (...given) {
    return instead.call(this, original, ...given);
  };
}

for (const [owner, method, name] of [
  [GPUComputePassEncoder, "dispatchWorkgroups", "dispatches"],
  [GPUComputePassEncoder, "dispatchWorkgroupsIndirect", "dispatches"],
  [GPUQueue, "submit", "submits"],
  [GPUDevice, "createBindGroup", "bindGroups"],
  [GPUDevice, "createBuffer", "buffers"],
])
  wrap(owner, method, function (original, ...given) {
    counts[name]++;
    return original.apply(this, given);
  });

/** As many passes are timed between two calls of `passTime`. */
const most = 2048;
/** The clock of the device that the peer has opened, if it has one, and how many passes it has timed. */
let clock = null;

wrap(GPUAdapter, "requestDevice", async function (original, descriptor = {}) {
  const has = this.features.has("timestamp-query");
  const requiredFeatures = [...new Set([...(descriptor.requiredFeatures ?? []), ...(has ? ["timestamp-query"] : [])])];
  const device = await original.call(this, { ...descriptor, requiredFeatures });
  clock = has ? { device, queries: device.createQuerySet({ type: "timestamp", count: 2 * most }), passes: 0 } : null;
  return device;
});

wrap(GPUCommandEncoder, "beginComputePass", function (original, descriptor = {}) {
  if (clock === null || clock.passes === most || descriptor.timestampWrites !== undefined)
    return original.call(this, descriptor);
  const begin = 2 * clock.passes++;
  const writes = { querySet: clock.queries, beginningOfPassWriteIndex: begin, endOfPassWriteIndex: begin + 1 };
  return original.call(this, { ...descriptor, timestampWrites: writes });
});

/** Milliseconds that the passes since the last call took on the device; null if it has no clock, or too many passes. */
async function passTime() {
  if (clock === null) return null;
  const { device, queries, passes } = clock;
  clock.passes = 0;
  if (passes === 0 || passes === most) return null;
  const size = 16 * passes;
  const [resolved, staging] = [
    device.createBuffer({ size, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC }),
    device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST }),
  ];
  const encoder = device.createCommandEncoder();
  encoder.resolveQuerySet(queries, 0, 2 * passes, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const stamps = new BigInt64Array(staging.getMappedRange().slice(0));
  for (const buffer of [resolved, staging]) buffer.destroy();
  let sum = 0n;
  for (let k = 0; k < passes; k++) sum += stamps[2 * k + 1] - stamps[2 * k];
  return Number(sum) / 1e6;
}

globalThis.gpuBench = { counts, passTime };
