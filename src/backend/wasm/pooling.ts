import type { PoolGeometry, Pooling } from "../backend.js";
import type { Runtime } from "./runtime.js";

/** Whether all windows are 2×2, side by side, and wholly inside. */
function isHalving({ kernel, stride, padding, height, width, outHeight, outWidth }: PoolGeometry): boolean {
  const isTwo = [...kernel, ...stride].every((value) => value === 2);
  return isTwo && padding[0] === 0 && padding[1] === 0 && 2 * outHeight <= height && 2 * outWidth <= width;
}

/** What a value takes, in ns ({@link Runtime.share}), of 2×2 windows side by side and of others. */
const nanoseconds = { max: [0.13, 0.3], maxGradient: 0.1, average: [0.05, 0.3], averageGradient: [0.04, 0.3] } as const;

/** What a kernel reads and writes at most, in values. */
function valuesOf({ planes, height, width, outHeight, outWidth, kernel }: PoolGeometry): number {
  return planes * (height * width + outHeight * outWidth * kernel[0] * kernel[1]);
}

/** The sizes that the kernels take, planes left out. */
function sizesOf({ height, width, outHeight, outWidth }: PoolGeometry): number[] {
  return [height, width, outHeight, outWidth];
}

/** The windows as the kernels take them. */
function windowsOf({ kernel, stride, padding }: PoolGeometry): number[] {
  return [...kernel, ...stride, ...padding];
}

/** Bytes of working memory for maxima: of the rows of a window and their places, in fours, and a padded row that is read in fours. */
function maxPoolScratch({ width, outWidth, kernel, stride, padding }: PoolGeometry): number {
  const fours = 4 * Math.ceil(outWidth / 4);
  const row = Math.max(width + 2 * padding[1], stride[1] * fours + kernel[1]) + 8;
  return 4 * (2 * kernel[0] * fours + row);
}

/** Pooling: assembly/max-pooling.ts and avg-pooling.ts. */
export function pooling(runtime: Runtime): Pooling<number> {
  return {
    maxPool2d(x, y, indices, geometry) {
      const sizes = sizesOf(geometry);
      const values = valuesOf(geometry);
      if (isHalving(geometry)) {
        runtime.share("maxPool2x2", geometry.planes, nanoseconds.max[0] * values, x, y, indices, ...sizes);
        return;
      }
      const args = [x, y, indices, ...sizes, ...windowsOf(geometry)];
      const work = nanoseconds.max[1] * values;
      runtime.shareWithScratch("maxPool", geometry.planes, work, maxPoolScratch(geometry), ...args);
    },

    maxPool2dGradient(dy, indices, dx, { planes, height, width, outHeight, outWidth }) {
      const work = nanoseconds.maxGradient * planes * (height * width + 2 * outHeight * outWidth);
      runtime.share("maxPoolGradient", planes, work, dy, indices, dx, height * width, outHeight * outWidth);
    },

    avgPool2d(x, y, geometry) {
      const sizes = sizesOf(geometry);
      const work = nanoseconds.average[isHalving(geometry) ? 0 : 1] * valuesOf(geometry);
      if (isHalving(geometry)) runtime.share("avgPool2x2", geometry.planes, work, x, y, ...sizes);
      else runtime.share("avgPool", geometry.planes, work, x, y, ...sizes, ...windowsOf(geometry));
    },

    avgPool2dGradient(dy, dx, geometry) {
      const args = [dy, dx, ...sizesOf(geometry)];
      const work = nanoseconds.averageGradient[isHalving(geometry) ? 0 : 1] * valuesOf(geometry);
      if (isHalving(geometry)) runtime.share("avgPool2x2Gradient", geometry.planes, work, ...args);
      else runtime.share("avgPoolGradient", geometry.planes, work, ...args, ...windowsOf(geometry));
    },
  };
}
