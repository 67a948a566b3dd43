// Moments of the values that a mask leaves: gathered, and then taken as those of a row.
import { rowMoments, rowSquares } from "./rows";

/**
 * moments[k] = f64 (count, mean, M2) of those values of kept index k where `mask`, laid out as x, is not 0; about 0 if
 * not `centred`. Units: kept indices. Scratch: outer·inner f32.
 */
export function maskedMoments(
  x: usize,
  mask: usize,
  outer: i32,
  kept: i32,
  inner: i32,
  centred: bool,
  moments: usize,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const toMask = mask - x;
  for (let k = begin; k < end; k++) {
    let to = scratch;
    for (let o = 0; o < outer; o++) {
      let at = x + ((<usize>(o * kept + k) * <usize>inner) << 2);
      const last = at + ((<usize>inner) << 2);
      for (; at < last; at += 4) {
        store<f32>(to, load<f32>(at));
        to += load<f32>(at + toMask) != 0 ? 4 : 0;
      }
    }
    const count = <i32>((to - scratch) >> 2);
    const result = moments + <usize>k * 24;
    if (centred) rowMoments(scratch, count, result, 0, 1);
    else rowSquares(scratch, count, result, 0, 1);
  }
}

/** Bytes of scratch of {@link maskedMoments}. */
export function maskedMomentsScratch(outer: i32, inner: i32): f64 {
  return 4 * <f64>outer * <f64>inner;
}
