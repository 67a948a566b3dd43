// The norm of gradients, and what is done about it; tables as in optimization.wgsl.

//# kernel squares
//# uses tree
//# reads table: vec4u
//# reads gradients: f32
//# writes parts: vec2f
//# constants LX LY
fn run(group: u32, lane: u32) {
  let entry = table[group];
  var sum = vec2f();
  for (var j = lane; j < entry.y; j += SIZE) {
    let v = gradients[entry.x + j];
    sum = add_to(sum, v * v);
  }
  sum = tree_sum(sum, lane);
  if (lane == 0u) { parts[group] = vec2f(total(sum), choose(0.0, sum.y - (total(sum) - sum.x), is_finite(sum.y))); }
}

//# kernel totalSquares
//# uses tree
//# reads parts: vec2f
//# writes whole: vec2f
//# ints count
//# constants LX LY
fn run(group: u32, lane: u32) {
  var sum = vec2f();
  for (var i = lane; i < p.count; i += SIZE) { sum = add_pairs(sum, parts[i]); }
  sum = tree_sum(sum, lane);
  if (lane == 0u) { whole[0] = vec2f(total(sum), choose(0.0, opaque(sum.x - total(sum)) + sum.y, is_finite(sum.y))); }
}

//# kernel clip
//# reads whole: vec2f
//# writes x: f32
//# ints length
//# floats maxNorm
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.length) { return; }
  let norm = sqrt(whole[0].x + whole[0].y);
  if (is_zero(norm) || !is_finite(norm)) { return; }
  if (norm > p.maxNorm) { x[i] *= p.maxNorm / norm; }
}

//# kernel openGate
//# reads loss: f32
//# reads squares: vec2f
//# writes gate: vec2f
//# floats lr clipNorm largestStep largestGradient
fn run(group: u32, lane: u32) {
  if (lane > 0u) { return; }
  let norm = sqrt(squares[0].x + squares[0].y);
  let clipped = choose(norm, p.clipNorm, norm > p.clipNorm);
  let step = p.lr * choose(1.0, clipped, clipped > 1.0);
  let is_good = is_finite(loss[0]) && is_finite(norm) && step <= p.largestStep && clipped <= p.largestGradient;
  if (!is_good) { gate[0] = vec2f(0.0); }
  gate[1] = vec2f(choose(1.0, p.clipNorm / norm, norm > p.clipNorm), 0.0);
}
