// Sums and maxima over the lanes of a workgroup: LX columns of LY lanes each, lane = ly * LX + lx. Every lane gets the
// result of its column. In steps of sixteen, since barriers cost more than additions; the order depends on LX and LY
// only.

var<workgroup> tree_pairs: array<vec2f, SIZE>;
var<workgroup> tree_words: array<u32, SIZE>;

fn add_pairs(a: vec2f, b: vec2f) -> vec2f {
  let s = two_sum(a.x, b.x);
  return vec2f(s.x, a.y + b.y + s.y);
}
// The sum of (high, low) pairs.
fn tree_sum(v: vec2f, lane: u32) -> vec2f {
  if (LY == 1) { return v; }
  workgroupBarrier();
  tree_pairs[lane] = v;
  workgroupBarrier();
  for (var n = u32(LY); n > 1u;) {
    let m = (n + 15u) / 16u;
    if (lane < m * LX) {
      var sum = tree_pairs[lane];
      for (var j = lane + m * LX; j < n * LX; j += m * LX) { sum = add_pairs(sum, tree_pairs[j]); }
      tree_pairs[lane] = sum;
    }
    workgroupBarrier();
    n = m;
  }
  return tree_pairs[lane % LX];
}
fn tree_max(v: u32, lane: u32) -> u32 {
  if (LY == 1) { return v; }
  workgroupBarrier();
  tree_words[lane] = v;
  workgroupBarrier();
  for (var n = u32(LY); n > 1u;) {
    let m = (n + 15u) / 16u;
    if (lane < m * LX) {
      var largest = tree_words[lane];
      for (var j = lane + m * LX; j < n * LX; j += m * LX) { largest = max(largest, tree_words[j]); }
      tree_words[lane] = largest;
    }
    workgroupBarrier();
    n = m;
  }
  return tree_words[lane % LX];
}
