// q_c * w_c: the target of class c, times its weight.
fn target_of(c: u32, label: u32) -> f32 {
  var q = p.rest;
  if (c == label) { q += p.own; }
  if (HAS_weights) { q *= weights[c]; }
  return q;
}

// Each row's loss and weight, from its log-probabilities.
//# kernel rowLosses
//# uses tree
//# reads logProbabilities: f32
//# reads labels: i32
//# reads weights?: f32
//# writes parts: vec4f
//# ints rows classes
//# floats own rest
//# constants LX LY
fn run(group: u32, lane: u32) {
  let row = group * LX + lane % LX;
  let classes = select(0u, p.classes, row < p.rows);
  var label = 0u;
  if (row < p.rows) { label = u32(labels[row]); }
  var sum = vec2f();
  for (var c = lane / LX; c < classes; c += LY) {
    let q = target_of(c, label);
    // A class that does not count may have probability 0: 0 * ln 0 is 0 here.
    if (q != 0.0) { sum = add_to(sum, -q * logProbabilities[row * p.classes + c]); }
  }
  sum = tree_sum(sum, lane);
  if (row < p.rows && lane < LX) {
    var w = 1.0;
    if (HAS_weights) { w = weights[label]; }
    parts[row] = vec4f(sum, w, 0.0);
  }
}

//# kernel crossEntropyGradient
//# uses elementary
//# reads dloss: f32
//# reads logProbabilities: f32
//# reads labels: i32
//# reads weights?: f32
//# reads whole?: f32
//# writes dlogits: f32
//# ints rows classes
//# floats own rest
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.rows * p.classes) { return; }
  let row = i / p.classes;
  let label = u32(labels[row]);
  var all = 1.0;
  var divisor = f32(p.rows);
  if (HAS_weights) {
    divisor = whole[0];
    var sum = vec2f();
    for (var c = 0u; c < p.classes; c++) { sum = add_to(sum, target_of(c, label)); }
    all = total(sum);
  }
  let v = logProbabilities[i];
  let probability = choose(exp_of(v), v, is_nan(v));
  dlogits[i] = (dloss[0] / divisor) * (probability * all - target_of(i % p.classes, label));
}

