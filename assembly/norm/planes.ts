// Batch norm of (outer, kept, inner) with inner > 1: images of planes, one plane per channel. All passes walk in image
// order, whoever does which planes, since small pieces at a large stride defeat the prefetcher: the sums of pieces,
// mostly of an image each, are added in order.
import { coefficientStep, exactCoefficients } from "./layout";
import { affine, exactAffine, exactGradient, gradient, keepPositive, rectifiedGradient } from "./maps";
import { finishMoments, gradientSums, plainSum, shiftedSums } from "./sums";

/** The first f64 of moments[k] = what channel k is shifted by: the mean of its first planes. Units: channels. */
export function planeShifts(x: usize, outer: i32, kept: i32, inner: i32, moments: usize, begin: i32, end: i32): void {
  const planeBytes = (<usize>inner) << 2;
  // Of several images, since one of them may be unlike the rest, but few, since they are read twice.
  const sampled = min(4, (outer + 7) >> 3);
  for (let k = begin; k < end; k++) store<f64>(moments + <usize>k * 24, 0);
  for (let o = 0; o < sampled; o++) {
    for (let k = begin; k < end; k++) {
      const at = moments + <usize>k * 24;
      store<f64>(at, load<f64>(at) + plainSum(x + (<usize>o * <usize>kept + <usize>k) * planeBytes, inner));
    }
  }
  const share: f64 = 1 / (<f64>sampled * <f64>inner);
  for (let k = begin; k < end; k++) {
    const at = moments + <usize>k * 24;
    store<f64>(at, load<f64>(at) * share);
  }
}

/**
 * sums[piece, k] = f64 Σ(x − shift), Σ(x − shift)² by the {@link planeShifts} of channel k over the images of a piece
 * of `pieceImages`. Units: channels of pieces.
 */
export function planeSums(
  x: usize,
  moments: usize,
  outer: i32,
  kept: i32,
  inner: i32,
  pieceImages: i32,
  sums: usize,
  begin: i32,
  end: i32,
): void {
  const planeBytes = (<usize>inner) << 2;
  for (let unit = begin; unit < end; ) {
    const channel = unit % kept;
    const count = min(kept - channel, end - unit);
    const firstImage = (unit / kept) * pieceImages;
    const to = sums + ((<usize>unit) << 4);
    memory.fill(to, 0, (<usize>count) << 4);
    for (let o = firstImage; o < min(firstImage + pieceImages, outer); o++) {
      let at = x + (<usize>o * <usize>kept + <usize>channel) * planeBytes;
      for (let i = 0; i < count; i++) {
        const shift = <f32>load<f64>(moments + <usize>(channel + i) * 24);
        add(to + ((<usize>i) << 4), shiftedSums(at, inner, shift));
        at += planeBytes;
      }
    }
    unit += count;
  }
}

/** Adds a pair of f64. */
// @inline
function add(to: usize, sums: v128): void {
  v128.store(to, f64x2.add(v128.load(to), sums));
}

/**
 * moments[k] = f64 (count, mean, M2) of channel k from its {@link planeSums} in all `pieces`, in their order. Units:
 * channels.
 */
export function planeMoments(
  x: usize,
  sums: usize,
  pieces: i32,
  outer: i32,
  kept: i32,
  inner: i32,
  moments: usize,
  begin: i32,
  end: i32,
): void {
  const planeBytes = (<usize>inner) << 2;
  const imageBytes = <usize>kept * planeBytes;
  for (let k = begin; k < end; k++) v128.store(moments + <usize>k * 24, f64x2.splat(0), 8);
  for (let piece = 0; piece < pieces; piece++) {
    const from = sums + ((<usize>piece * <usize>kept) << 4);
    for (let k = begin; k < end; k++) add(moments + <usize>k * 24 + 8, v128.load(from + ((<usize>k) << 4)));
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
  rectifies: bool,
  y: usize,
  begin: i32,
  end: i32,
): void {
  let k = begin % kept;
  let at = (<usize>begin * <usize>inner) << 2;
  for (let plane = begin; plane < end; plane++) {
    standardizePlane(x + at, y + at, coefficients, kept, inner, k, rectifies);
    at += (<usize>inner) << 2;
    k = k + 1 == kept ? 0 : k + 1;
  }
}

function standardizePlane(
  x: usize,
  y: usize,
  coefficients: usize,
  kept: i32,
  inner: i32,
  k: i32,
  rectifies: bool,
): void {
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
 * Where the gradient for the output of {@link planeStandardize} without its rectifier lies: dy itself if `forward`, the
 * coefficients of that map, is 0; else `scratch`, where dy is copied to as far as the rectifier lets it pass.
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
 * sums[piece, k] = f64 Σ dy, Σ dy·(x − mean) of channel k over the images of a piece of `pieceImages`, the mean as f32,
 * behind a rectifier if `forward` is not 0: see `reaching`. Units: channels of pieces. Scratch: a plane.
 */
export function planeGradientSums(
  dy: usize,
  x: usize,
  moments: usize,
  outer: i32,
  kept: i32,
  inner: i32,
  forward: usize,
  pieceImages: i32,
  sums: usize,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const planeBytes = (<usize>inner) << 2;
  for (let unit = begin; unit < end; ) {
    const channel = unit % kept;
    const count = min(kept - channel, end - unit);
    const firstImage = (unit / kept) * pieceImages;
    const to = sums + ((<usize>unit) << 4);
    memory.fill(to, 0, (<usize>count) << 4);
    for (let o = firstImage; o < min(firstImage + pieceImages, outer); o++) {
      let at = (<usize>o * <usize>kept + <usize>channel) * planeBytes;
      for (let i = 0; i < count; i++) {
        const k = channel + i;
        const mean = <f32>load<f64>(moments + <usize>k * 24, 8);
        const g = reaching(dy + at, x + at, forward, kept, inner, k, scratch);
        add(to + ((<usize>i) << 4), gradientSums(g, x + at, inner, mean));
        at += planeBytes;
      }
    }
    unit += count;
  }
}

/** Bytes of scratch of {@link planeGradientSums}. */
export function planeGradientSumsScratch(inner: i32, forward: usize): f64 {
  return forward ? <f64>coefficientStep(inner) : 0;
}

/**
 * dx = dy·a + (x − mean)·b + c with the coefficients of each channel, behind a rectifier if `forward` is not 0: see
 * `reaching`. Units: planes. Scratch: a plane.
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

/** Bytes of scratch of {@link planeGradient}. */
export function planeGradientScratch(inner: i32, forward: usize): f64 {
  return forward ? <f64>coefficientStep(inner) : 0;
}
