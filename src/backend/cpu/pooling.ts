import type { PoolGeometry, Pooling } from "../backend.js";
import { f32, i32 } from "./memory.js";

/** The real values of one window: rows top … bottom − 1 and columns left … right − 1 of its plane. */
interface Window {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** Calls `visit` for each window: its real values, where its plane starts in x, and its index in y. */
function forEachWindow(
  geometry: PoolGeometry,
  visit: (window: Window, planeStart: number, output: number) => void,
): void {
  const { planes, height, width, outHeight, outWidth, kernel, stride, padding } = geometry;
  for (let plane = 0; plane < planes; plane++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++) {
        const y = oy * stride[0] - padding[0];
        const x = ox * stride[1] - padding[1];
        const window = {
          top: Math.max(y, 0),
          bottom: Math.min(y + kernel[0], height),
          left: Math.max(x, 0),
          right: Math.min(x + kernel[1], width),
        };
        visit(window, plane * height * width, (plane * outHeight + oy) * outWidth + ox);
      }
    }
  }
}

/** Calls `visit` with the place in its plane of each real value of a window, row by row. */
function forEachPlace({ top, bottom, left, right }: Window, width: number, visit: (place: number) => void): void {
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) visit(row * width + column);
  }
}

/** How many real values a window has. */
function size({ top, bottom, left, right }: Window): number {
  return (bottom - top) * (right - left);
}

/** Pooling and its gradients. */
export const pooling: Pooling<ArrayBuffer> = {
  maxPool2d(x, y, indices, geometry) {
    const input = f32(x);
    const largest = f32(y);
    const places = i32(indices);
    forEachWindow(geometry, (window, planeStart, output) => {
      let best = window.top * geometry.width + window.left;
      forEachPlace(window, geometry.width, (place) => {
        const value = input[planeStart + place];
        if (value > input[planeStart + best] || Number.isNaN(value)) best = place;
      });
      largest[output] = input[planeStart + best];
      places[output] = best;
    });
  },

  maxPool2dGradient(dy, indices, dx, geometry) {
    const { planes, height, width, outHeight, outWidth } = geometry;
    const cotangent = f32(dy);
    const places = i32(indices);
    const sums = new Float64Array(planes * height * width);
    for (let i = 0; i < planes * outHeight * outWidth; i++) {
      const plane = Math.floor(i / (outHeight * outWidth));
      sums[plane * height * width + places[i]] += cotangent[i];
    }
    f32(dx).set(sums);
  },

  avgPool2d(x, y, geometry) {
    const input = f32(x);
    const mean = f32(y);
    forEachWindow(geometry, (window, planeStart, output) => {
      let sum = 0;
      forEachPlace(window, geometry.width, (place) => {
        sum += input[planeStart + place];
      });
      mean[output] = sum / size(window);
    });
  },

  avgPool2dGradient(dy, dx, geometry) {
    const cotangent = f32(dy);
    const sums = new Float64Array(geometry.planes * geometry.height * geometry.width);
    forEachWindow(geometry, (window, planeStart, output) => {
      const share = cotangent[output] / size(window);
      forEachPlace(window, geometry.width, (place) => {
        sums[planeStart + place] += share;
      });
    });
    f32(dx).set(sums);
  },
};
