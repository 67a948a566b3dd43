// Batch norm of (outer, kept, inner) with inner > 1: images of planes, one plane per channel. All passes walk in image order, since
// small pieces at a large stride defeat the prefetcher; a range of channels is a contiguous part of each image.
import { coefficientStep, exactCoefficients } from "./norm-layout";
import { affine, exactAffine, exactGradient, gradient, keepPositive, rectifiedGradient } from "./norm-maps";
import { finishMoments, gradientSums, plainSum, shiftedSums } from "./norm-sums";

/** moments[k] = f64 (count, mean, M2) of channel k, shifted by the mean of the first planes. Units: channels. */
export function planeMoments(x: usize, outer: i32, kept: i32, inner: i32, moments: usize, begin: i32, end: i32): void {
  const planeBytes = (<usize>inner) << 2;
  const imageBytes = <usize>kept * planeBytes;
  // Of several images, since one of them may be unlike the rest, but few, since they are read twice.
  const sampled = min(4, (outer + 7) >> 3);
  for (let k = begin; k < end; k++) {
    const at = moments + <usize>k * 24;
    store<f64>(at, 0);
    v128.store(at, f64x2.splat(0), 8);
  }
  for (let o = 0; o < sampled; o++) {
    for (let k = begin; k < end; k++) {
      const at = moments + <usize>k * 24;
      store<f64>(at, load<f64>(at) + plainSum(x + <usize>o * imageBytes + <usize>k * planeBytes, inner));
    }
  }
  const share: f64 = 1 / (<f64>sampled * <f64>inner);
  for (let k = begin; k < end; k++) {
    const at = moments + <usize>k * 24;
    store<f64>(at, load<f64>(at) * share);
  }
  for (let o = 0; o < outer; o++) {
    for (let k = begin; k < end; k++) {
      const at = moments + <usize>k * 24;
      const sums = shiftedSums(x + <usize>o * imageBytes + <usize>k * planeBytes, inner, <f32>load<f64>(at));
      v128.store(at, f64x2.add(v128.load(at, 8), sums), 8);
    }
  }
  for (let k = begin; k < end; k++) {
    const at = moments + <usize>k * 24;
    const first = x + <usize>k * planeBytes;
    const result = finishMoments(first, outer, imageBytes, inner, <f32>load<f64>(at), v128.load(at, 8));
    store<f64>(at, <f64>outer * <f64>inner);
    v128.store(at, result, 8);
  }
}

/** y = (x − mean)·a + c with the coefficients of each channel, and max(y, 0) if it `rectifies`. Units: planes. */
export function planeStandardize(
  x: usize,
  coefficients: usize,
  kept: i32,
  inner: i32,
  rectifies: i32,
  y: usize,
  begin: i32,
  end: i32,
): void {
  let k = begin % kept;
  let at = (<usize>begin * <usize>inner) << 2;
  for (let plane = begin; plane < end; plane++) {
    standardizePlane(x + at, y + at, coefficients, kept, inner, k, rectifies != 0);
    at += (<usize>inner) << 2;
    k = k + 1 == kept ? 0 : k + 1;
  }
}

function standardizePlane(x: usize, y: usize, coefficients: usize, kept: i32, inner: i32, k: i32, rectifies: bool): void {
  const step = coefficientStep(kept);
  const channel = coefficients + ((<usize>k) << 2);
  if (load<i32>(channel + 4 * step)) {
    const exact = exactCoefficients(coefficients, kept, k);
    exactAffine(x, y, inner, 4, load<f64>(exact), load<f64>(exact, 8), load<f64>(exact, 24), rectifies);
  } else {
    affine(x, y, inner, load<f32>(channel), load<f32>(channel + step), load<f32>(channel + 3 * step), rectifies);
  }
}

/**
 * Where the gradient for the output of {@link planeStandardize} without its rectifier lies: dy itself if `forward`, the coefficients of
 * that map, is 0; else `scratch`, where dy is copied to as far as the rectifier lets it pass.
 */
function reaching(dy: usize, x: usize, forward: usize, kept: i32, inner: i32, k: i32, scratch: usize): usize {
  if (!forward) return dy;
  const step = coefficientStep(kept);
  const channel = forward + ((<usize>k) << 2);
  if (load<i32>(channel + 4 * step)) {
    standardizePlane(x, scratch, forward, kept, inner, k, false);
    keepPositive(dy, scratch, inner);
  } else {
    const mean = load<f32>(channel);
    rectifiedGradient(dy, x, scratch, inner, mean, load<f32>(channel + step), load<f32>(channel + 3 * step));
  }
  return scratch;
}

/**
 * sums[k] = f64 (Σ dy, Σ dy·(x − mean)) of channel k, the mean as f32, behind a rectifier if `forward` is not 0: see `reaching`.
 * Units: channels. Scratch: a plane.
 */
export function planeGradientSums(
  dy: usize,
  x: usize,
  moments: usize,
  outer: i32,
  kept: i32,
  inner: i32,
  forward: usize,
  sums: usize,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const planeBytes = (<usize>inner) << 2;
  for (let k = begin; k < end; k++) v128.store(sums + ((<usize>k) << 4), f64x2.splat(0));
  for (let o = 0; o < outer; o++) {
    let at = (<usize>o * <usize>kept + <usize>begin) * planeBytes;
    for (let k = begin; k < end; k++) {
      const to = sums + ((<usize>k) << 4);
      const mean = <f32>load<f64>(moments + <usize>k * 24, 8);
      const g = reaching(dy + at, x + at, forward, kept, inner, k, scratch);
      v128.store(to, f64x2.add(v128.load(to), gradientSums(g, x + at, inner, mean)));
      at += planeBytes;
    }
  }
}

/**
 * dx = dy·a + (x − mean)·b + c with the coefficients of each channel, behind a rectifier if `forward` is not 0: see `reaching`.
 * Units: planes. Scratch: a plane.
 */
export function planeGradient(
  dy: usize,
  x: usize,
  coefficients: usize,
  kept: i32,
  inner: i32,
  forward: usize,
  dx: usize,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const step = coefficientStep(kept);
  let k = begin % kept;
  let at = (<usize>begin * <usize>inner) << 2;
  for (let plane = begin; plane < end; plane++) {
    const channel = coefficients + ((<usize>k) << 2);
    const g = reaching(dy + at, x + at, forward, kept, inner, k, scratch);
    if (load<i32>(channel + 4 * step)) {
      const exact = exactCoefficients(coefficients, kept, k);
      const mean = load<f64>(exact);
      const a = load<f64>(exact, 8);
      exactGradient(g, x + at, dx + at, inner, 4, mean, a, load<f64>(exact, 16), load<f64>(exact, 24));
    } else {
      const mean = load<f32>(channel);
      const a = load<f32>(channel + step);
      gradient(g, x + at, dx + at, inner, mean, a, load<f32>(channel + 2 * step), load<f32>(channel + 3 * step));
    }
    at += (<usize>inner) << 2;
    k = k + 1 == kept ? 0 : k + 1;
  }
}
