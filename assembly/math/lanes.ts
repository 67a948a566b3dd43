// Loads and stores of fewer than four lanes, for the ends of rows: nothing beyond the last value is touched.

/** The first n (1 to 4) f32 at an address, the other lanes as `rest` has them. */
// @inline
export function loadLanes(at: usize, n: i32, rest: v128): v128 {
  if (n >= 4) return v128.load(at);
  let v = v128.load_lane<f32>(at, rest, 0);
  if (n > 1) v = v128.load_lane<f32>(at, v, 1, 4);
  if (n > 2) v = v128.load_lane<f32>(at, v, 2, 8);
  return v;
}

/** Stores the first n (1 to 4) lanes. */
// @inline
export function storeLanes(at: usize, n: i32, v: v128): void {
  if (n >= 4) {
    v128.store(at, v);
    return;
  }
  v128.store_lane<f32>(at, v, 0);
  if (n > 1) v128.store_lane<f32>(at, v, 1, 4);
  if (n > 2) v128.store_lane<f32>(at, v, 2, 8);
}

/** The first two of four f32 lanes, as f64. */
// @inline
export function promoteLow(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

/** The last two of four f32 lanes, as f64. */
// @inline
export function promoteHigh(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i32>(v, v, 2, 3, 2, 3));
}

/** Two pairs of f64 as four f32. */
// @inline
export function demote(low: v128, high: v128): v128 {
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}

/** The sum of two f64 lanes. */
// @inline
export function sumLanes(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}

/** The largest of four f32 lanes; NaN if one is. */
// @inline
export function maxLanes(v: v128): f32 {
  const w = f32x4.max(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return max<f32>(f32x4.extract_lane(w, 0), f32x4.extract_lane(w, 1));
}
