import type { PoolGeometry, Pooling } from "../backend.js";
import type { Runtime } from "./runtime.js";

/** Whether all windows are 2×2, side by side, and wholly inside. */
function isHalving({ kernel, stride, padding, height, width, outHeight, outWidth }: PoolGeometry): boolean {
  const isTwo = [...kernel, ...stride].every((value) => value === 2);
  return isTwo && padding[0] === 0 && padding[1] === 0 && 2 * outHeight <= height && 2 * outWidth <= width;
}

/** The sizes that the kernels take, planes left out. */
function sizesOf({ height, width, outHeight, outWidth }: PoolGeometry): number[] {
  return [height, width, outHeight, outWidth];
}

/** The windows as the kernels take them. */
function windowsOf({ kernel, stride, padding }: PoolGeometry): number[] {
  return [...kernel, ...stride, ...padding];
}

/** Pooling: assembly/pooling.ts. */
export function pooling(runtime: Runtime): Pooling<number> {
  return {
    maxPool2d(x, y, indices, geometry) {
      const sizes = sizesOf(geometry);
      if (isHalving(geometry)) runtime.run("maxPool2x2", geometry.planes, x, y, indices, ...sizes);
      else runtime.run("maxPool", geometry.planes, x, y, indices, ...sizes, ...windowsOf(geometry));
    },

    maxPool2dGradient(dy, indices, dx, { planes, height, width, outHeight, outWidth }) {
      runtime.run("maxPoolGradient", planes, dy, indices, dx, height * width, outHeight * outWidth);
    },

    avgPool2d(x, y, geometry) {
      const sizes = sizesOf(geometry);
      if (isHalving(geometry)) runtime.run("avgPool2x2", geometry.planes, x, y, ...sizes);
      else runtime.run("avgPool", geometry.planes, x, y, ...sizes, ...windowsOf(geometry));
    },

    avgPool2dGradient(dy, dx, geometry) {
      runtime.run("avgPoolGradient", geometry.planes, dy, dx, ...sizesOf(geometry), ...windowsOf(geometry));
    },
  };
}
