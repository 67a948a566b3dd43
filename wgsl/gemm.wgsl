// C (m x n) = A (m x k) * B (k x n), for each step of a walk over matrices; K in `splits` pieces of `size`.

//# kernel gemm
//# uses tile walk
//# reads a: f32
//# reads b: f32
//# reads bias?: f32
//# writes c: f32
//# ints m n k splits size batches e1 e2 e3 e4 r0 r1 r2 r3 r4 s0 s1 s2 s3 s4
//# constants BM BN A_BY_COLUMNS B_BY_COLUMNS
var<private> a_start: u32;
var<private> b_start: u32;
var<private> c_start: u32;
var<private> with_bias: bool;
fn a_at(row: u32, k: u32) -> f32 { return a[a_start + select(row * p.k + k, k * p.m + row, A_BY_COLUMNS)]; }
fn b_at(k: u32, column: u32) -> f32 { return b[b_start + select(k * p.n + column, column * p.k + k, B_BY_COLUMNS)]; }
fn c_put(row: u32, column: u32, value: f32) {
  var v = value;
  if (HAS_bias) { if (with_bias) { v += bias[column]; } }
  c[c_start + row * p.n + column] = v;
}
fn run(group: u32, lane: u32) {
  let place = place_of(group, p.m, p.n);
  let batch = place.rest % p.batches;
  let piece = place.rest / p.batches;
  let starts = walk(batch);
  a_start = starts.x;
  b_start = starts.y;
  c_start = place.rest * p.m * p.n;
  with_bias = piece == 0u;
  let sums = multiply(place.row0, place.column0, p.m, p.n, piece * p.size, min(p.k, (piece + 1u) * p.size), lane);
  put_all(sums, place.row0, place.column0, p.m, p.n, lane);
}
