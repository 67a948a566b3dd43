// Matrix products by tiles: a workgroup makes BM x BN values of C, each lane 4 x 4 of them in registers, from stretches
// of BK products that lie in workgroup memory. What A and B are is said by a_at(row, k) and b_at(k, column), which are
// asked for places within the matrices only. Products are added in the order of k, so that the tile does not change
// bits.

const BK = 16;
const LANES_ACROSS = BN / 4;
// Rows of A's tile are padded, so that lanes write different banks.
const A_ROW = BM + 4;
var<workgroup> tile_a: array<f32, BK * A_ROW>;
var<workgroup> tile_b: array<f32, BK * BN>;

struct Sums { r0: vec4f, r1: vec4f, r2: vec4f, r3: vec4f }

fn multiply(row0: u32, column0: u32, rows: u32, columns: u32, k_begin: u32, k_end: u32, lane: u32) -> Sums {
  var sums = Sums();
  let ty = (lane / LANES_ACROSS) * 4u;
  let tx = (lane % LANES_ACROSS) * 4u;
  for (var k0 = k_begin; k0 < k_end; k0 += BK) {
    for (var e = lane; e < BM * BK; e += SIZE) {
      // Lanes lie along what is contiguous.
      let r = select(e / BK, e % BM, A_BY_COLUMNS);
      let k = select(e % BK, e / BM, A_BY_COLUMNS);
      var v = 0.0;
      if (row0 + r < rows && k0 + k < k_end) { v = a_at(row0 + r, k0 + k); }
      tile_a[k * A_ROW + r] = v;
    }
    for (var e = lane; e < BN * BK; e += SIZE) {
      let c = select(e % BN, e / BK, B_BY_COLUMNS);
      let k = select(e / BN, e % BK, B_BY_COLUMNS);
      var v = 0.0;
      if (column0 + c < columns && k0 + k < k_end) { v = b_at(k0 + k, column0 + c); }
      tile_b[k * BN + c] = v;
    }
    workgroupBarrier();
    for (var k = 0u; k < BK; k++) {
      let i = k * A_ROW + ty;
      let j = k * BN + tx;
      let b = vec4f(tile_b[j], tile_b[j + 1u], tile_b[j + 2u], tile_b[j + 3u]);
      sums.r0 += tile_a[i] * b;
      sums.r1 += tile_a[i + 1u] * b;
      sums.r2 += tile_a[i + 2u] * b;
      sums.r3 += tile_a[i + 3u] * b;
    }
    workgroupBarrier();
  }
  return sums;
}
// Hands the values of a lane to c_put(row, column, value), as far as they are within the matrix.
fn put_all(sums: Sums, row0: u32, column0: u32, rows: u32, columns: u32, lane: u32) {
  let row = row0 + (lane / LANES_ACROSS) * 4u;
  let column = column0 + (lane % LANES_ACROSS) * 4u;
  for (var i = 0u; i < 4u; i++) {
    if (row + i >= rows) { return; }
    var v = sums.r0;
    if (i == 1u) { v = sums.r1; } else if (i == 2u) { v = sums.r2; } else if (i == 3u) { v = sums.r3; }
    if (column < columns) { c_put(row + i, column, v.x); }
    if (column + 1u < columns) { c_put(row + i, column + 1u, v.y); }
    if (column + 2u < columns) { c_put(row + i, column + 2u, v.z); }
    if (column + 3u < columns) { c_put(row + i, column + 3u, v.w); }
  }
}
// Which tile, and which of what is repeated over tiles, a workgroup is.
struct Place { row0: u32, column0: u32, rest: u32 }
fn place_of(group: u32, rows: u32, columns: u32) -> Place {
  let across = (columns + BN - 1u) / BN;
  let down = (rows + BM - 1u) / BM;
  return Place(((group / across) % down) * BM, (group % across) * BN, group / (across * down));
}
