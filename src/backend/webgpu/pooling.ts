import type { PoolGeometry, Pooling } from "../backend.js";
import { groupsFor } from "./elementwise.js";
import type { GpuBlock } from "./memory.js";
import type { Recorder } from "./recorder.js";
import { kernels } from "./shaders.generated.js";

function sizesOf({ height, width, outHeight, outWidth, kernel, stride, padding }: PoolGeometry) {
  const [[kh, kw], [sy, sx], [py, px]] = [kernel, stride, padding];
  return { height, width, outHeight, outWidth, kh, kw, sy, sx, py, px };
}

const outputsOf = ({ planes, outHeight, outWidth }: PoolGeometry): number => planes * outHeight * outWidth;
const inputsOf = ({ planes, height, width }: PoolGeometry): number => planes * height * width;

/** Pooling and its gradients. */
export function pooling(gpu: Recorder): Pooling<GpuBlock> {
  function gradient(dy: GpuBlock, indices: GpuBlock | null, dx: GpuBlock, geometry: PoolGeometry): void {
    const length = inputsOf(geometry);
    gpu.run(kernels.poolGradient, groupsFor(length), { dy, indices, dx }, { length, ...sizesOf(geometry) }, {});
  }

  return {
    maxPool2d(x, y, indices, geometry) {
      const length = outputsOf(geometry);
      gpu.run(kernels.maxPool, groupsFor(length), { x, y, indices }, { length, ...sizesOf(geometry) }, {});
    },

    maxPool2dGradient(dy, indices, dx, geometry) {
      gradient(dy, indices, dx, geometry);
    },

    avgPool2d(x, y, geometry) {
      const length = outputsOf(geometry);
      gpu.run(kernels.avgPool, groupsFor(length), { x, y }, { length, ...sizesOf(geometry) }, {});
    },

    avgPool2dGradient(dy, dx, geometry) {
      gradient(dy, null, dx, geometry);
    },
  };
}
