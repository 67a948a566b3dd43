// Means of windows over planes. Twin: src/backend/cpu/pooling.ts. Units: planes.
import { demote, promoteHigh, promoteLow } from "../math/lanes";
import { sumValues } from "../reductions/reductions";

/** y = the mean of each 2×2 window; strides 2, no padding. */
export function avgPool2x2(
  x: usize,
  y: usize,
  height: i32,
  width: i32,
  outHeight: i32,
  outWidth: i32,
  begin: i32,
  end: i32,
): void {
  const rowBytes = (<usize>width) << 2;
  const quarter = f32x4.splat(0.25);
  const whole = outWidth & ~3;
  for (let plane = begin; plane < end; plane++) {
    for (let oy = 0; oy < outHeight; oy++) {
      let from = x + ((<usize>((plane * height + 2 * oy) * width)) << 2);
      let at = y + ((<usize>((plane * outHeight + oy) * outWidth)) << 2);
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

/** Columns that windows of one column, a column apart, are walked by in vectors of 4: the others' first. */
// @inline
function columnsInVectors(width: i32, kernelWidth: i32, strideX: i32): i32 {
  return kernelWidth == 1 && strideX == 1 ? width & ~3 : 0;
}

/** y = the mean of the real values of each window. */
export function avgPool(
  x: usize,
  y: usize,
  height: i32,
  width: i32,
  outHeight: i32,
  outWidth: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideY: i32,
  strideX: i32,
  padY: i32,
  padX: i32,
  begin: i32,
  end: i32,
): void {
  const rowBytes = (<usize>width) << 2;
  const inVectors = columnsInVectors(width, kernelWidth, strideX);
  for (let plane = begin; plane < end; plane++) {
    const from = x + ((<usize>(plane * height * width)) << 2);
    let to = y + ((<usize>(plane * outHeight * outWidth)) << 2);
    for (let oy = 0; oy < outHeight; oy++) {
      const top = max(oy * strideY - padY, 0);
      const bottom = min(oy * strideY - padY + kernelHeight, height);
      for (let ox = 0; ox < inVectors; ox += 4) {
        let at = from + ((<usize>(top * width + ox)) << 2);
        let low = f64x2.splat(0);
        let high = f64x2.splat(0);
        for (let row = top; row < bottom; row++) {
          low = f64x2.add(low, promoteLow(v128.load(at)));
          high = f64x2.add(high, promoteHigh(v128.load(at)));
          at += rowBytes;
        }
        const count = f64x2.splat(<f64>(bottom - top));
        v128.store(to, demote(f64x2.div(low, count), f64x2.div(high, count)));
        to += 16;
      }
      for (let ox = inVectors; ox < outWidth; ox++) {
        const left = max(ox * strideX - padX, 0);
        const columns = min(ox * strideX - padX + kernelWidth, width) - left;
        const count = (bottom - top) * columns;
        let at = from + ((<usize>(top * width + left)) << 2);
        let sum: f64 = 0;
        if (columns == width) {
          sum = sumValues(at, count);
        } else {
          for (let row = top; row < bottom; row++) {
            for (let i = 0; i < columns; i++) sum += <f64>load<f32>(at + ((<usize>i) << 2));
            at += rowBytes;
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
  dy: usize,
  dx: usize,
  height: i32,
  width: i32,
  outHeight: i32,
  outWidth: i32,
  begin: i32,
  end: i32,
): void {
  const rowBytes = (<usize>width) << 2;
  const whole = outWidth & ~3;
  for (let plane = begin; plane < end; plane++) {
    let at = dy + ((<usize>(plane * outHeight * outWidth)) << 2);
    let to = dx + ((<usize>(plane * height * width)) << 2);
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
        memory.fill(to, 0, (<usize>(width - 2 * outWidth)) << 2);
        memory.fill(to + rowBytes, 0, (<usize>(width - 2 * outWidth)) << 2);
      }
      to += (<usize>(2 * width - 2 * outWidth)) << 2;
    }
    memory.fill(to, 0, <usize>(height - 2 * outHeight) * rowBytes);
  }
}

/** dx = 0, plus each dy spread evenly over the real values of its window, in the order of the windows. */
export function avgPoolGradient(
  dy: usize,
  dx: usize,
  height: i32,
  width: i32,
  outHeight: i32,
  outWidth: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideY: i32,
  strideX: i32,
  padY: i32,
  padX: i32,
  begin: i32,
  end: i32,
): void {
  const rowBytes = (<usize>width) << 2;
  const inVectors = columnsInVectors(width, kernelWidth, strideX);
  for (let plane = begin; plane < end; plane++) {
    const to = dx + ((<usize>(plane * height * width)) << 2);
    memory.fill(to, 0, (<usize>(height * width)) << 2);
    let at = dy + ((<usize>(plane * outHeight * outWidth)) << 2);
    for (let oy = 0; oy < outHeight; oy++) {
      const top = max(oy * strideY - padY, 0);
      const bottom = min(oy * strideY - padY + kernelHeight, height);
      for (let ox = 0; ox < inVectors; ox += 4) {
        const count = f64x2.splat(<f64>(bottom - top));
        const dys = v128.load(at);
        const shares = demote(f64x2.div(promoteLow(dys), count), f64x2.div(promoteHigh(dys), count));
        let place = to + ((<usize>(top * width + ox)) << 2);
        for (let row = top; row < bottom; row++) {
          v128.store(place, f32x4.add(v128.load(place), shares));
          place += rowBytes;
        }
        at += 16;
      }
      for (let ox = inVectors; ox < outWidth; ox++) {
        const left = max(ox * strideX - padX, 0);
        const columns = min(ox * strideX - padX + kernelWidth, width) - left;
        const share = <f32>(<f64>load<f32>(at) / <f64>((bottom - top) * columns));
        const shares = f32x4.splat(share);
        let place = to + ((<usize>(top * width + left)) << 2);
        for (let row = top; row < bottom; row++) {
          let i: i32 = 0;
          for (; i <= columns - 4; i += 4) {
            const p = place + ((<usize>i) << 2);
            v128.store(p, f32x4.add(v128.load(p), shares));
          }
          for (; i < columns; i++) {
            const p = place + ((<usize>i) << 2);
            store<f32>(p, load<f32>(p) + share);
          }
          place += rowBytes;
        }
        at += 4;
      }
    }
  }
}
