// The inner loops of matrix products and convolutions. Two rows by sixteen columns keep eight sums, four vectors and
// two broadcast factors in registers: as many as engines hold without spilling. Unrolling over k, or larger tiles, is
// slower.
//
// Each sum runs over k in order, one product rounded and then added; `from` is added last. Nothing depends on
// addresses.

/**
 * c[r][j] = from[r][j] + Σₖ a[k][r]·b[k][j] for two rows of 16 columns, a packed in pairs, b in rows of 16.
 * `from0` and `from1` point to what each row starts from (a bias, or c itself); 0 stands for zeros.
 */
export function tilePacked(a: usize, b: usize, k: i32, from0: usize, from1: usize, c0: usize, c1: usize): void {
  let s00 = f32x4.splat(0);
  let s01 = s00;
  let s02 = s00;
  let s03 = s00;
  let s10 = s00;
  let s11 = s00;
  let s12 = s00;
  let s13 = s00;
  const end = a + ((<usize>k) << 3);
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const b2 = v128.load(b, 32);
    const b3 = v128.load(b, 48);
    let factor = v128.load32_splat(a);
    s00 = f32x4.add(s00, f32x4.mul(factor, b0));
    s01 = f32x4.add(s01, f32x4.mul(factor, b1));
    s02 = f32x4.add(s02, f32x4.mul(factor, b2));
    s03 = f32x4.add(s03, f32x4.mul(factor, b3));
    factor = v128.load32_splat(a, 4);
    s10 = f32x4.add(s10, f32x4.mul(factor, b0));
    s11 = f32x4.add(s11, f32x4.mul(factor, b1));
    s12 = f32x4.add(s12, f32x4.mul(factor, b2));
    s13 = f32x4.add(s13, f32x4.mul(factor, b3));
    a += 8;
    b += 64;
  }
  storeRow(from0, c0, s00, s01, s02, s03);
  storeRow(from1, c1, s10, s11, s12, s13);
}

/**
 * As {@link tilePacked}, with the two rows of a at `a0` and `a1`, contiguous over k, and rows of b `bStep` bytes apart.
 */
export function tileStrided(
  a0: usize,
  a1: usize,
  b: usize,
  bStep: usize,
  k: i32,
  from0: usize,
  from1: usize,
  c0: usize,
  c1: usize,
): void {
  let s00 = f32x4.splat(0);
  let s01 = s00;
  let s02 = s00;
  let s03 = s00;
  let s10 = s00;
  let s11 = s00;
  let s12 = s00;
  let s13 = s00;
  const end = (<usize>k) << 2;
  for (let i: usize = 0; i < end; i += 4) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const b2 = v128.load(b, 32);
    const b3 = v128.load(b, 48);
    let factor = v128.load32_splat(a0 + i);
    s00 = f32x4.add(s00, f32x4.mul(factor, b0));
    s01 = f32x4.add(s01, f32x4.mul(factor, b1));
    s02 = f32x4.add(s02, f32x4.mul(factor, b2));
    s03 = f32x4.add(s03, f32x4.mul(factor, b3));
    factor = v128.load32_splat(a1 + i);
    s10 = f32x4.add(s10, f32x4.mul(factor, b0));
    s11 = f32x4.add(s11, f32x4.mul(factor, b1));
    s12 = f32x4.add(s12, f32x4.mul(factor, b2));
    s13 = f32x4.add(s13, f32x4.mul(factor, b3));
    b += bStep;
  }
  storeRow(from0, c0, s00, s01, s02, s03);
  storeRow(from1, c1, s10, s11, s12, s13);
}

/** As {@link tilePacked} for one row of a, contiguous over k. */
export function tileRow(a: usize, b: usize, k: i32, from: usize, c: usize): void {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  const end = a + ((<usize>k) << 2);
  while (a < end) {
    const factor = v128.load32_splat(a);
    s0 = f32x4.add(s0, f32x4.mul(factor, v128.load(b)));
    s1 = f32x4.add(s1, f32x4.mul(factor, v128.load(b, 16)));
    s2 = f32x4.add(s2, f32x4.mul(factor, v128.load(b, 32)));
    s3 = f32x4.add(s3, f32x4.mul(factor, v128.load(b, 48)));
    a += 4;
    b += 64;
  }
  storeRow(from, c, s0, s1, s2, s3);
}

/**
 * As {@link tilePacked} for one row of a, contiguous over k, and b stored by columns: column j begins at b + j·bStep
 * bytes. Four values of four columns at a time are transposed in registers, so that each sum still runs over k in
 * order.
 */
export function tileColumns(a: usize, b: usize, bStep: usize, k: i32, from: usize, c: usize): void {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  const b1 = b + (bStep << 2);
  const b2 = b1 + (bStep << 2);
  const b3 = b2 + (bStep << 2);
  const end = (<usize>k) << 2;
  const whole = end & ~15;
  let i: usize = 0;
  for (; i < whole; i += 16) {
    s0 = addFour(s0, a + i, b + i, bStep);
    s1 = addFour(s1, a + i, b1 + i, bStep);
    s2 = addFour(s2, a + i, b2 + i, bStep);
    s3 = addFour(s3, a + i, b3 + i, bStep);
  }
  for (; i < end; i += 4) {
    const factor = v128.load32_splat(a + i);
    s0 = f32x4.add(s0, f32x4.mul(factor, loadFour(b + i, bStep)));
    s1 = f32x4.add(s1, f32x4.mul(factor, loadFour(b1 + i, bStep)));
    s2 = f32x4.add(s2, f32x4.mul(factor, loadFour(b2 + i, bStep)));
    s3 = f32x4.add(s3, f32x4.mul(factor, loadFour(b3 + i, bStep)));
  }
  storeRow(from, c, s0, s1, s2, s3);
}

/** s + Σₜ a[t]·b[t] over four t, one after the other, for four columns that lie `step` bytes apart. */
// @inline
function addFour(s: v128, a: usize, b: usize, step: usize): v128 {
  const r0 = v128.load(b);
  const r1 = v128.load(b + step);
  const r2 = v128.load(b + 2 * step);
  const r3 = v128.load(b + 3 * step);
  const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const t1 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  s = f32x4.add(s, f32x4.mul(v128.load32_splat(a), v128.shuffle<f32>(t0, t1, 0, 1, 4, 5)));
  s = f32x4.add(s, f32x4.mul(v128.load32_splat(a, 4), v128.shuffle<f32>(t0, t1, 2, 3, 6, 7)));
  const t2 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  s = f32x4.add(s, f32x4.mul(v128.load32_splat(a, 8), v128.shuffle<f32>(t2, t3, 0, 1, 4, 5)));
  return f32x4.add(s, f32x4.mul(v128.load32_splat(a, 12), v128.shuffle<f32>(t2, t3, 2, 3, 6, 7)));
}

/** The values at `b` and one, two and three steps behind it. */
// @inline
function loadFour(b: usize, step: usize): v128 {
  const two = v128.load32_lane(b + step, v128.load32_zero(b), 1);
  return v128.load32_lane(b + 3 * step, v128.load32_lane(b + 2 * step, two, 2), 3);
}

/**
 * c[r][j] = Σₖ a[k][r]·b[k][j] for four rows of 4 columns, a packed in two runs of pairs, b in rows of 4; c is 4 × 4.
 * For the few last columns, where 16 would be wasted.
 */
export function tileNarrow(a0: usize, a1: usize, b: usize, k: i32, c: usize): void {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  const end = a0 + ((<usize>k) << 3);
  while (a0 < end) {
    const b0 = v128.load(b);
    s0 = f32x4.add(s0, f32x4.mul(v128.load32_splat(a0), b0));
    s1 = f32x4.add(s1, f32x4.mul(v128.load32_splat(a0, 4), b0));
    s2 = f32x4.add(s2, f32x4.mul(v128.load32_splat(a1), b0));
    s3 = f32x4.add(s3, f32x4.mul(v128.load32_splat(a1, 4), b0));
    a0 += 8;
    a1 += 8;
    b += 16;
  }
  v128.store(c, s0);
  v128.store(c, s1, 16);
  v128.store(c, s2, 32);
  v128.store(c, s3, 48);
}

/**
 * out[r][j] = from + Σₖ w[k][r]·x[offset[k] + j] for 16 positions j and `rows` rows, whose weights are packed in pairs
 * (an odd last row has a partner that is not computed). Offsets are in bytes; the rows of out are `outStep` bytes
 * apart; `from` is out itself if `accumulate`, else zeros.
 */
export function tileOffsets(
  x: usize,
  offsets: usize,
  k: i32,
  weights: usize,
  weightStep: usize,
  rows: i32,
  out: usize,
  outStep: usize,
  accumulate: bool,
): void {
  const end = offsets + ((<usize>k) << 2);
  for (; rows >= 2; rows -= 2) {
    let s00 = f32x4.splat(0);
    let s01 = s00;
    let s02 = s00;
    let s03 = s00;
    let s10 = s00;
    let s11 = s00;
    let s12 = s00;
    let s13 = s00;
    let w = weights;
    for (let offset = offsets; offset < end; offset += 4) {
      const b = x + load<u32>(offset);
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      const b2 = v128.load(b, 32);
      const b3 = v128.load(b, 48);
      let factor = v128.load32_splat(w);
      s00 = f32x4.add(s00, f32x4.mul(factor, b0));
      s01 = f32x4.add(s01, f32x4.mul(factor, b1));
      s02 = f32x4.add(s02, f32x4.mul(factor, b2));
      s03 = f32x4.add(s03, f32x4.mul(factor, b3));
      factor = v128.load32_splat(w, 4);
      s10 = f32x4.add(s10, f32x4.mul(factor, b0));
      s11 = f32x4.add(s11, f32x4.mul(factor, b1));
      s12 = f32x4.add(s12, f32x4.mul(factor, b2));
      s13 = f32x4.add(s13, f32x4.mul(factor, b3));
      w += 8;
    }
    storeRow(accumulate ? out : 0, out, s00, s01, s02, s03);
    out += outStep;
    storeRow(accumulate ? out : 0, out, s10, s11, s12, s13);
    out += outStep;
    weights += weightStep;
  }
  if (rows > 0) tileOffsetsRow(x, offsets, end, weights, out, accumulate);
}

/** One row of {@link tileOffsets}. */
function tileOffsetsRow(x: usize, offset: usize, end: usize, w: usize, out: usize, accumulate: bool): void {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (; offset < end; offset += 4) {
    const b = x + load<u32>(offset);
    const factor = v128.load32_splat(w);
    s0 = f32x4.add(s0, f32x4.mul(factor, v128.load(b)));
    s1 = f32x4.add(s1, f32x4.mul(factor, v128.load(b, 16)));
    s2 = f32x4.add(s2, f32x4.mul(factor, v128.load(b, 32)));
    s3 = f32x4.add(s3, f32x4.mul(factor, v128.load(b, 48)));
    w += 8;
  }
  storeRow(accumulate ? out : 0, out, s0, s1, s2, s3);
}

/**
 * As {@link tilePacked}, in stretches of `stretch` products, whose sums are added to c one after the other: the errors
 * of a sum grow with its length. Where `accumulate`, c is what the first is added to.
 */
export function tilePackedStretches(
  a: usize,
  b: usize,
  k: i32,
  stretch: i32,
  accumulate: bool,
  c0: usize,
  c1: usize,
): void {
  tileStretches(true, a, a, b, k, stretch, accumulate, c0, c1);
}

/** The same with the two rows of a at `a0` and `a1`, contiguous over k. */
export function tileStridedStretches(
  a0: usize,
  a1: usize,
  b: usize,
  k: i32,
  stretch: i32,
  accumulate: bool,
  c0: usize,
  c1: usize,
): void {
  tileStretches(false, a0, a1, b, k, stretch, accumulate, c0, c1);
}

// @inline
function tileStretches(
  isPacked: bool,
  a0: usize,
  a1: usize,
  b: usize,
  k: i32,
  stretch: i32,
  accumulate: bool,
  c0: usize,
  c1: usize,
): void {
  const shift: usize = isPacked ? 3 : 2;
  const last = a0 + ((<usize>k) << shift);
  const stretchBytes = (<usize>stretch) << shift;
  while (a0 < last) {
    let s00 = f32x4.splat(0);
    let s01 = s00;
    let s02 = s00;
    let s03 = s00;
    let s10 = s00;
    let s11 = s00;
    let s12 = s00;
    let s13 = s00;
    const end = min(a0 + stretchBytes, last);
    while (a0 < end) {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      const b2 = v128.load(b, 32);
      const b3 = v128.load(b, 48);
      let factor = v128.load32_splat(a0);
      s00 = f32x4.add(s00, f32x4.mul(factor, b0));
      s01 = f32x4.add(s01, f32x4.mul(factor, b1));
      s02 = f32x4.add(s02, f32x4.mul(factor, b2));
      s03 = f32x4.add(s03, f32x4.mul(factor, b3));
      factor = isPacked ? v128.load32_splat(a0, 4) : v128.load32_splat(a1);
      s10 = f32x4.add(s10, f32x4.mul(factor, b0));
      s11 = f32x4.add(s11, f32x4.mul(factor, b1));
      s12 = f32x4.add(s12, f32x4.mul(factor, b2));
      s13 = f32x4.add(s13, f32x4.mul(factor, b3));
      a0 += isPacked ? 8 : 4;
      if (!isPacked) a1 += 4;
      b += 64;
    }
    storeRow(accumulate ? c0 : 0, c0, s00, s01, s02, s03);
    storeRow(accumulate ? c1 : 0, c1, s10, s11, s12, s13);
    accumulate = true;
  }
}

/** c[j] = from[j] + s[j], or s[j] where `from` is 0, for 16 values. */
// @inline
function storeRow(from: usize, c: usize, s0: v128, s1: v128, s2: v128, s3: v128): void {
  if (from) {
    s0 = f32x4.add(v128.load(from), s0);
    s1 = f32x4.add(v128.load(from, 16), s1);
    s2 = f32x4.add(v128.load(from, 32), s2);
    s3 = f32x4.add(v128.load(from, 48), s3);
  }
  v128.store(c, s0);
  v128.store(c, s1, 16);
  v128.store(c, s2, 32);
  v128.store(c, s3, 48);
}

/** Stores the 4 × 4 block at `x` (rows `xStep` bytes apart) transposed at `y`. */
export function transposeFour(x: usize, xStep: usize, y: usize, yStep: usize): void {
  const r0 = v128.load(x);
  const r1 = v128.load(x + xStep);
  const r2 = v128.load(x + 2 * xStep);
  const r3 = v128.load(x + 3 * xStep);
  const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const t1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const t2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(y, v128.shuffle<f32>(t0, t2, 0, 1, 4, 5));
  v128.store(y + yStep, v128.shuffle<f32>(t0, t2, 2, 3, 6, 7));
  v128.store(y + 2 * yStep, v128.shuffle<f32>(t1, t3, 0, 1, 4, 5));
  v128.store(y + 3 * yStep, v128.shuffle<f32>(t1, t3, 2, 3, 6, 7));
}
