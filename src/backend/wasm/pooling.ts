import type { PoolGeometry, Pooling } from "../backend.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";

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

/** The windows as the kernels take them. */
function windowsOf({ kernel, stride, padding }: PoolGeometry) {
  const [kernelHeight, kernelWidth] = kernel;
  return { kernelHeight, kernelWidth, strideY: stride[0], strideX: stride[1], padY: padding[0], padX: padding[1] };
}

/** Pooling: assembly/pooling/. */
export function pooling(runtime: Runtime): Pooling<number> {
  return {
    maxPool2d(x, y, indices, geometry) {
      const { planes: units, height, width, outHeight, outWidth } = geometry;
      const values = valuesOf(geometry);
      if (isHalving(geometry)) {
        const args = { x, y, indices, height, width, outHeight, outWidth };
        runtime.share(kernels.maxPool2x2, { units, work: nanoseconds.max[0] * values }, args);
        return;
      }
      const { kernelHeight, kernelWidth, strideY, strideX, padY, padX } = windowsOf(geometry);
      const work = nanoseconds.max[1] * values;
      const args = {
        x,
        y,
        indices,
        height,
        width,
        outHeight,
        outWidth,
        kernelHeight,
        kernelWidth,
        strideY,
        strideX,
        padY,
        padX,
      };
      runtime.share(kernels.maxPool, { units, work }, args);
    },

    maxPool2dGradient(dy, indices, dx, { planes, height, width, outHeight, outWidth }) {
      const inputs = height * width;
      const outputs = outHeight * outWidth;
      const work = nanoseconds.maxGradient * planes * (inputs + 2 * outputs);
      runtime.share(kernels.maxPoolGradient, { units: planes, work }, { dy, indices, dx, inputs, outputs });
    },

    avgPool2d(x, y, geometry) {
      const { planes: units, height, width, outHeight, outWidth } = geometry;
      const values = valuesOf(geometry);
      if (isHalving(geometry)) {
        const args = { x, y, height, width, outHeight, outWidth };
        runtime.share(kernels.avgPool2x2, { units, work: nanoseconds.average[0] * values }, args);
        return;
      }
      const { kernelHeight, kernelWidth, strideY, strideX, padY, padX } = windowsOf(geometry);
      const work = nanoseconds.average[1] * values;
      const args = {
        x,
        y,
        height,
        width,
        outHeight,
        outWidth,
        kernelHeight,
        kernelWidth,
        strideY,
        strideX,
        padY,
        padX,
      };
      runtime.share(kernels.avgPool, { units, work }, args);
    },

    avgPool2dGradient(dy, dx, geometry) {
      const { planes: units, height, width, outHeight, outWidth } = geometry;
      const values = valuesOf(geometry);
      if (isHalving(geometry)) {
        const args = { dy, dx, height, width, outHeight, outWidth };
        runtime.share(kernels.avgPool2x2Gradient, { units, work: nanoseconds.averageGradient[0] * values }, args);
        return;
      }
      const { kernelHeight, kernelWidth, strideY, strideX, padY, padX } = windowsOf(geometry);
      const work = nanoseconds.averageGradient[1] * values;
      const args = {
        dy,
        dx,
        height,
        width,
        outHeight,
        outWidth,
        kernelHeight,
        kernelWidth,
        strideY,
        strideX,
        padY,
        padX,
      };
      runtime.share(kernels.avgPoolGradient, { units, work }, args);
    },
  };
}
