import { product } from "./product";

/** Rows or columns of c to a unit. */
const unitRows: i32 = 8;
const unitColumns: i32 = 16;

/**
 * c = a·b + bias, as in `MatrixProducts.gemm`; `bias` may be 0. Units are 16 columns of c if `byColumns`, else 8 rows.
 * Scratch: see `product`.
 */
export function gemm(
  a: usize,
  b: usize,
  bias: usize,
  c: usize,
  m: i32,
  n: i32,
  k: i32,
  transposeA: i32,
  transposeB: i32,
  byColumns: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const i0 = byColumns ? 0 : begin * unitRows;
  const i1 = byColumns ? m : min(end * unitRows, m);
  const j0 = byColumns ? begin * unitColumns : 0;
  const j1 = byColumns ? min(end * unitColumns, n) : n;
  product(a, b, bias, c, m, n, k, transposeA != 0, transposeB != 0, false, i0, i1, j0, j1, scratch);
}
