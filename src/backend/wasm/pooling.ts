import type { PoolGeometry, Pooling } from "../backend.js";
import type { Runtime } from "./runtime.js";

function sizes({ height, width, outHeight, outWidth }: PoolGeometry): number[] {
  return [height, width, outHeight, outWidth];
}

function windows({ kernel, stride, padding }: PoolGeometry): number[] {
  return [...kernel, ...stride, ...padding];
}

/** Whether windows are 2×2, side by side, without padding: the common case, which has kernels of its own. */
function isHalving(geometry: PoolGeometry): boolean {
  return windows(geometry).every((n, k) => n === (k < 4 ? 2 : 0));
}

/** Kernels over planes: assembly/pooling.ts. */
export function pooling(runtime: Runtime): Pooling<number> {
  return {
    maxPool2d(x, y, indices, geometry) {
      if (isHalving(geometry)) runtime.run("maxPool2x2", geometry.planes, x, y, indices, ...sizes(geometry));
      else runtime.run("maxPool", geometry.planes, x, y, indices, ...sizes(geometry), ...windows(geometry));
    },
    maxPool2dGradient(dy, indices, dx, { planes, height, width, outHeight, outWidth }) {
      runtime.run("maxPoolGradient", planes, dy, indices, dx, height * width, outHeight * outWidth);
    },
    avgPool2d(x, y, geometry) {
      if (isHalving(geometry)) runtime.run("avgPool2x2", geometry.planes, x, y, ...sizes(geometry));
      else runtime.run("avgPool", geometry.planes, x, y, ...sizes(geometry), ...windows(geometry));
    },
    avgPool2dGradient(dy, dx, geometry) {
      runtime.run("avgPoolGradient", geometry.planes, dy, dx, ...sizes(geometry), ...windows(geometry));
    },
  };
}
