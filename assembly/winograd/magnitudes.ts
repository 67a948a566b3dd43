// The larger and the smaller of magnitudes, which are ordered as the integers of the same bits, NaN above ∞: one
// instruction where engines take up to nine for the maximum of floats.

// @inline
export function larger(v: v128, w: v128): v128 {
  return i32x4.max_s(v, w);
}

/** A NaN counts as the largest. */
// @inline
export function smaller(v: v128, w: v128): v128 {
  return i32x4.min_s(v, w);
}

/** The largest of four lanes. */
// @inline
export function largestLane(v: v128): f32 {
  const w = larger(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(larger(w, v128.shuffle<i32>(w, w, 1, 0, 3, 2)), 0);
}

/** The smallest of four lanes. */
// @inline
export function smallestLane(v: v128): f32 {
  const w = smaller(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(smaller(w, v128.shuffle<i32>(w, w, 1, 0, 3, 2)), 0);
}
