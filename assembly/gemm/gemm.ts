import { product, productScratch } from "./product";

/** Rows or columns of c to a unit. */
export const gemmRows: i32 = 8;
export const gemmColumns: i32 = 16;

/**
 * c = a·b + bias, as in `MatrixProducts.gemm`; `bias` may be 0. Units are `gemmColumns` columns of c if `byColumns`,
 * else `gemmRows` rows.
 */
export function gemm(
  a: usize,
  b: usize,
  bias: usize,
  c: usize,
  m: i32,
  n: i32,
  k: i32,
  transposeA: bool,
  transposeB: bool,
  byColumns: bool,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const i0 = byColumns ? 0 : begin * gemmRows;
  const i1 = byColumns ? m : min(end * gemmRows, m);
  const j0 = byColumns ? begin * gemmColumns : 0;
  const j1 = byColumns ? min(end * gemmColumns, n) : n;
  product(a, b, bias, c, m, n, k, transposeA, transposeB, false, i0, i1, j0, j1, scratch);
}

/** Bytes of scratch of {@link gemm}. */
export function gemmScratch(n: i32, k: i32): f64 {
  return productScratch(n, k);
}

/**
 * A product as above, without bias, for each step of three nested loops (of which the outer has no end of its own, the
 * others e1 and e2), whose turns move a by a0, a1, a2 and b by b0, b1, b2 values; c is contiguous, as in
 * `MatrixProducts.batchedGemm`. Units: products times ⌈m / gemmRows⌉.
 */
export function gemmBatch(
  a: usize,
  b: usize,
  c: usize,
  m: i32,
  n: i32,
  k: i32,
  transposeA: bool,
  transposeB: bool,
  e1: i32,
  e2: i32,
  a0: i32,
  a1: i32,
  a2: i32,
  b0: i32,
  b1: i32,
  b2: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const blocks = (m + gemmRows - 1) / gemmRows;
  let unit = begin;
  while (unit < end) {
    const at = unit / blocks;
    const first = unit - at * blocks;
    const last = min(blocks, first + end - unit);
    const i2 = at % e2;
    const i1 = (at / e2) % e1;
    const i0 = at / e2 / e1;
    product(
      a + ((<usize>(i0 * a0 + i1 * a1 + i2 * a2)) << 2),
      b + ((<usize>(i0 * b0 + i1 * b1 + i2 * b2)) << 2),
      0,
      c + ((<usize>at * <usize>m * <usize>n) << 2),
      m,
      n,
      k,
      transposeA,
      transposeB,
      false,
      first * gemmRows,
      min(last * gemmRows, m),
      0,
      n,
      scratch,
    );
    unit += last - first;
  }
}

/** Bytes of scratch of {@link gemmBatch}. */
export function gemmBatchScratch(n: i32, k: i32): f64 {
  return productScratch(n, k);
}
