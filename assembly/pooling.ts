// Pooling over planes. Twin: src/backend/cpu/pooling.ts. Units: planes.
import { sumValues } from "./reductions";

/** Where v is larger than the best so far, or the first NaN: not (v ≤ best), while best is a number. */
// @ts-ignore: decorator
@inline
function exceeds(v: v128, best: v128): v128 {
  return v128.andnot(f32x4.eq(best, best), f32x4.le(v, best));
}

/** Four values, `stride` bytes apart. */
// @ts-ignore: decorator
@inline
function gather(at: usize, stride: usize): v128 {
  let v = v128.load32_splat(at);
  v = v128.load_lane<f32>(at + stride, v, 1);
  v = v128.load_lane<f32>(at + 2 * stride, v, 2);
  return v128.load_lane<f32>(at + 3 * stride, v, 3);
}

/** y = the largest of each 2×2 window, `indices` = its place in the plane; strides 2, no padding. The last four of a row overlap others. */
export function maxPool2x2(
  x: usize, y: usize, indices: usize, height: i32, width: i32, outHeight: i32, outWidth: i32, begin: i32, end: i32,
): void {
  const rowBytes = <usize>width << 2;
  const down = i32x4.splat(width);
  const one = i32x4.splat(1);
  for (let plane = begin; plane < end; plane++) {
    const start = x + (<usize>(plane * height * width) << 2);
    for (let oy = 0; oy < outHeight; oy++) {
      const place = 2 * oy * width;
      const row = <usize>((plane * outHeight + oy) * outWidth) << 2;
      if (outWidth < 4) {
        for (let ox = 0; ox < outWidth; ox++) {
          const at = row + (<usize>ox << 2);
          maxOfWindow(start, width, 2 * oy, 2 * oy + 2, 2 * ox, 2 * ox + 2, y + at, indices + at);
        }
        continue;
      }
      for (let next = 0; next < outWidth; next += 4) {
        const ox = min(next, outWidth - 4);
        const from = start + (<usize>(place + 2 * ox) << 2);
        const at = row + (<usize>ox << 2);
        const corner = i32x4.add(i32x4.splat(place + 2 * ox), i32x4(0, 2, 4, 6));
        const a = v128.load(from);
        const b = v128.load(from, 16);
        const c = v128.load(from + rowBytes);
        const d = v128.load(from + rowBytes, 16);
        let best = v128.shuffle<i32>(a, b, 0, 2, 4, 6);
        let index = corner;
        let v = v128.shuffle<i32>(a, b, 1, 3, 5, 7);
        let better = exceeds(v, best);
        best = v128.bitselect(v, best, better);
        index = v128.bitselect(i32x4.add(corner, one), index, better);
        v = v128.shuffle<i32>(c, d, 0, 2, 4, 6);
        better = exceeds(v, best);
        best = v128.bitselect(v, best, better);
        index = v128.bitselect(i32x4.add(corner, down), index, better);
        v = v128.shuffle<i32>(c, d, 1, 3, 5, 7);
        better = exceeds(v, best);
        v128.store(y + at, v128.bitselect(v, best, better));
        v128.store(indices + at, v128.bitselect(i32x4.add(i32x4.add(corner, down), one), index, better));
      }
    }
  }
}

/** The largest value of rows top … bottom − 1, columns left … right − 1 of a plane, and its place; without branches that depend on values. */
function maxOfWindow(
  plane: usize, width: i32, top: i32, bottom: i32, left: i32, right: i32, y: usize, index: usize,
): void {
  let at = i32x4.splat(top * width + left);
  let best = v128.load32_splat(plane + (<usize>(top * width + left) << 2));
  for (let row = top; row < bottom; row++) {
    for (let place = row * width + left; place < row * width + right; place++) {
      const v = v128.load32_splat(plane + (<usize>place << 2));
      const better = exceeds(v, best);
      best = v128.bitselect(v, best, better);
      at = v128.bitselect(i32x4.splat(place), at, better);
    }
  }
  v128.store_lane<f32>(y, best, 0);
  v128.store_lane<i32>(index, at, 0);
}

/** As {@link maxOfWindow} for four windows `step` columns apart, all within their rows. */
function maxOfWindows(
  plane: usize, width: i32, top: i32, bottom: i32, left: i32, right: i32, step: i32, y: usize, index: usize,
): void {
  const bytes = <usize>step << 2;
  const steps = i32x4.mul(i32x4.splat(step), i32x4(0, 1, 2, 3));
  let best = gather(plane + (<usize>(top * width + left) << 2), bytes);
  let at = i32x4.splat(top * width + left);
  for (let row = top; row < bottom; row++) {
    for (let place = row * width + left; place < row * width + right; place++) {
      const v = gather(plane + (<usize>place << 2), bytes);
      const better = exceeds(v, best);
      best = v128.bitselect(v, best, better);
      at = v128.bitselect(i32x4.splat(place), at, better);
    }
  }
  v128.store(y, best);
  v128.store(index, i32x4.add(at, steps));
}

/** y = the largest value of each window, `indices` = its place in the plane, the first if several. */
export function maxPool(
  x: usize, y: usize, indices: usize, height: i32, width: i32, outHeight: i32, outWidth: i32,
  kernelHeight: i32, kernelWidth: i32, strideY: i32, strideX: i32, padY: i32, padX: i32, begin: i32, end: i32,
): void {
  for (let plane = begin; plane < end; plane++) {
    const from = x + (<usize>(plane * height * width) << 2);
    let at = <usize>(plane * outHeight * outWidth) << 2;
    for (let oy = 0; oy < outHeight; oy++) {
      const top = max(oy * strideY - padY, 0);
      const bottom = min(oy * strideY - padY + kernelHeight, height);
      for (let ox = 0; ox < outWidth; ) {
        const left = ox * strideX - padX;
        const right = left + kernelWidth;
        if (left >= 0 && right + 3 * strideX <= width && ox + 4 <= outWidth) {
          maxOfWindows(from, width, top, bottom, left, right, strideX, y + at, indices + at);
          ox += 4;
          at += 16;
        } else {
          maxOfWindow(from, width, top, bottom, max(left, 0), min(right, width), y + at, indices + at);
          ox += 1;
          at += 4;
        }
      }
    }
  }
}

/** dx = 0, plus each dy at the place its index names, in the order of the windows. */
export function maxPoolGradient(
  dy: usize, indices: usize, dx: usize, inputs: i32, outputs: i32, begin: i32, end: i32,
): void {
  for (let plane = begin; plane < end; plane++) {
    const to = dx + (<usize>(plane * inputs) << 2);
    memory.fill(to, 0, <usize>inputs << 2);
    const last = <usize>((plane + 1) * outputs) << 2;
    for (let at = <usize>(plane * outputs) << 2; at < last; at += 4) {
      const place = to + (<usize>load<i32>(indices + at) << 2);
      store<f32>(place, load<f32>(place) + load<f32>(dy + at));
    }
  }
}

/** y = the mean of each 2×2 window; strides 2, no padding. */
export function avgPool2x2(
  x: usize, y: usize, height: i32, width: i32, outHeight: i32, outWidth: i32, begin: i32, end: i32,
): void {
  const rowBytes = <usize>width << 2;
  const quarter = f32x4.splat(0.25);
  const whole = outWidth & ~3;
  for (let plane = begin; plane < end; plane++) {
    for (let oy = 0; oy < outHeight; oy++) {
      let from = x + (<usize>((plane * height + 2 * oy) * width) << 2);
      let at = y + (<usize>((plane * outHeight + oy) * outWidth) << 2);
      for (let ox = 0; ox < whole; ox += 4) {
        // The rows first, quartered so that no sum overflows.
        const a = f32x4.add(f32x4.mul(v128.load(from), quarter), f32x4.mul(v128.load(from + rowBytes), quarter));
        const b = f32x4.add(
          f32x4.mul(v128.load(from, 16), quarter),
          f32x4.mul(v128.load(from + rowBytes, 16), quarter),
        );
        v128.store(at, f32x4.add(v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7)));
        from += 32;
        at += 16;
      }
      for (let ox = whole; ox < outWidth; ox++) {
        const left = load<f32>(from) * 0.25 + load<f32>(from + rowBytes) * 0.25;
        const right = load<f32>(from, 4) * 0.25 + load<f32>(from + rowBytes, 4) * 0.25;
        store<f32>(at, left + right);
        from += 8;
        at += 4;
      }
    }
  }
}

/** y = the mean of the real values of each window. */
export function avgPool(
  x: usize, y: usize, height: i32, width: i32, outHeight: i32, outWidth: i32,
  kernelHeight: i32, kernelWidth: i32, strideY: i32, strideX: i32, padY: i32, padX: i32, begin: i32, end: i32,
): void {
  for (let plane = begin; plane < end; plane++) {
    const from = x + (<usize>(plane * height * width) << 2);
    let to = y + (<usize>(plane * outHeight * outWidth) << 2);
    for (let oy = 0; oy < outHeight; oy++) {
      const top = max(oy * strideY - padY, 0);
      const bottom = min(oy * strideY - padY + kernelHeight, height);
      for (let ox = 0; ox < outWidth; ox++) {
        const left = max(ox * strideX - padX, 0);
        const columns = min(ox * strideX - padX + kernelWidth, width) - left;
        const count = (bottom - top) * columns;
        let at = from + (<usize>(top * width + left) << 2);
        let sum: f64 = 0;
        if (columns == width) {
          sum = sumValues(at, count);
        } else {
          for (let row = top; row < bottom; row++) {
            for (let i = 0; i < columns; i++) sum += <f64>load<f32>(at + (<usize>i << 2));
            at += <usize>width << 2;
          }
        }
        store<f32>(to, <f32>(sum / <f64>count));
        to += 4;
      }
    }
  }
}

/** The gradient of {@link avgPool2x2}: a quarter of dy at each place of its window, 0 beyond the last window. */
export function avgPool2x2Gradient(
  dy: usize, dx: usize, height: i32, width: i32, outHeight: i32, outWidth: i32, begin: i32, end: i32,
): void {
  const rowBytes = <usize>width << 2;
  const whole = outWidth & ~3;
  for (let plane = begin; plane < end; plane++) {
    let at = dy + (<usize>(plane * outHeight * outWidth) << 2);
    let to = dx + (<usize>(plane * height * width) << 2);
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < whole; ox += 4) {
        const share = f32x4.mul(v128.load(at), f32x4.splat(0.25));
        const low = v128.shuffle<i32>(share, share, 0, 0, 1, 1);
        const high = v128.shuffle<i32>(share, share, 2, 2, 3, 3);
        v128.store(to, low);
        v128.store(to, high, 16);
        v128.store(to + rowBytes, low);
        v128.store(to + rowBytes, high, 16);
        at += 16;
        to += 32;
      }
      for (let ox = whole; ox < outWidth; ox++) {
        const share = load<f32>(at) * 0.25;
        store<f32>(to, share);
        store<f32>(to, share, 4);
        store<f32>(to + rowBytes, share);
        store<f32>(to + rowBytes, share, 4);
        at += 4;
        to += 8;
      }
      if (width > 2 * outWidth) {
        memory.fill(to, 0, <usize>(width - 2 * outWidth) << 2);
        memory.fill(to + rowBytes, 0, <usize>(width - 2 * outWidth) << 2);
      }
      to += (<usize>(2 * width - 2 * outWidth)) << 2;
    }
    memory.fill(to, 0, <usize>(height - 2 * outHeight) * rowBytes);
  }
}

/** dx = 0, plus each dy spread evenly over the real values of its window, in the order of the windows. */
export function avgPoolGradient(
  dy: usize, dx: usize, height: i32, width: i32, outHeight: i32, outWidth: i32,
  kernelHeight: i32, kernelWidth: i32, strideY: i32, strideX: i32, padY: i32, padX: i32, begin: i32, end: i32,
): void {
  for (let plane = begin; plane < end; plane++) {
    const to = dx + (<usize>(plane * height * width) << 2);
    memory.fill(to, 0, <usize>(height * width) << 2);
    let at = dy + (<usize>(plane * outHeight * outWidth) << 2);
    for (let oy = 0; oy < outHeight; oy++) {
      const top = max(oy * strideY - padY, 0);
      const bottom = min(oy * strideY - padY + kernelHeight, height);
      for (let ox = 0; ox < outWidth; ox++) {
        const left = max(ox * strideX - padX, 0);
        const columns = min(ox * strideX - padX + kernelWidth, width) - left;
        const share = <f32>(<f64>load<f32>(at) / <f64>((bottom - top) * columns));
        const shares = f32x4.splat(share);
        let place = to + (<usize>(top * width + left) << 2);
        for (let row = top; row < bottom; row++) {
          let i: i32 = 0;
          for (; i <= columns - 4; i += 4) {
            const p = place + (<usize>i << 2);
            v128.store(p, f32x4.add(v128.load(p), shares));
          }
          for (; i < columns; i++) {
            const p = place + (<usize>i << 2);
            store<f32>(p, load<f32>(p) + share);
          }
          place += <usize>width << 2;
        }
        at += 4;
      }
    }
  }
}
