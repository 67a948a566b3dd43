import type { ConvGeometry, Convolutions } from "../backend.js";
import { f32 } from "./memory.js";

/**
 * Calls `visit` for each product y[…] += x[…]·weight[…] of the convolution, with the three flat indices. The
 * convolution and both its gradients are sums over these same triples.
 */
function forEachProduct(geometry: ConvGeometry, visit: (y: number, x: number, weight: number) => void): void {
  const { batch, inChannels, height, width, outChannels, outHeight, outWidth, groups } = geometry;
  const [kernelHeight, kernelWidth] = geometry.kernel;
  const [strideY, strideX] = geometry.stride;
  const [paddingY, paddingX] = geometry.padding;
  const [dilationY, dilationX] = geometry.dilation;
  const inPerGroup = inChannels / groups;
  const outPerGroup = outChannels / groups;
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outChannels; o++) {
      const firstIn = Math.floor(o / outPerGroup) * inPerGroup;
      for (let oy = 0; oy < outHeight; oy++) {
        for (let ox = 0; ox < outWidth; ox++) {
          const y = ((n * outChannels + o) * outHeight + oy) * outWidth + ox;
          for (let c = 0; c < inPerGroup; c++) {
            for (let ky = 0; ky < kernelHeight; ky++) {
              const iy = oy * strideY - paddingY + ky * dilationY;
              if (iy < 0 || iy >= height) continue;
              for (let kx = 0; kx < kernelWidth; kx++) {
                const ix = ox * strideX - paddingX + kx * dilationX;
                if (ix < 0 || ix >= width) continue;
                const x = ((n * inChannels + firstIn + c) * height + iy) * width + ix;
                visit(y, x, ((o * inPerGroup + c) * kernelHeight + ky) * kernelWidth + kx);
              }
            }
          }
        }
      }
    }
  }
}

/** Convolutions and their gradients. */
export const convolutions: Convolutions<ArrayBuffer> = {
  conv2d(x, weight, bias, y, geometry) {
    const { batch, outChannels, outHeight, outWidth } = geometry;
    const input = f32(x);
    const taps = f32(weight);
    const plane = outHeight * outWidth;
    const sums = new Float64Array(batch * outChannels * plane);
    if (bias !== null) {
      const added = f32(bias);
      for (let i = 0; i < sums.length; i++) sums[i] = added[Math.floor(i / plane) % outChannels];
    }
    forEachProduct(geometry, (iy, ix, iw) => {
      sums[iy] += input[ix] * taps[iw];
    });
    f32(y).set(sums);
  },

  conv2dInputGradient(dy, weight, dx, geometry) {
    const { batch, inChannels, height, width } = geometry;
    const cotangent = f32(dy);
    const taps = f32(weight);
    const sums = new Float64Array(batch * inChannels * height * width);
    forEachProduct(geometry, (iy, ix, iw) => {
      sums[ix] += cotangent[iy] * taps[iw];
    });
    f32(dx).set(sums);
  },

  conv2dWeightGradient(dy, x, dweight, geometry) {
    const { inChannels, outChannels, kernel, groups } = geometry;
    const cotangent = f32(dy);
    const input = f32(x);
    const sums = new Float64Array((outChannels * inChannels * kernel[0] * kernel[1]) / groups);
    forEachProduct(geometry, (iy, ix, iw) => {
      sums[iw] += cotangent[iy] * input[ix];
    });
    f32(dweight).set(sums);
  },
};
