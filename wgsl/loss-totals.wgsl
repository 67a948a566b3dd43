// One workgroup over all rows.

//# kernel meanLoss
//# uses tree
//# reads parts: vec4f
//# writes loss: f32
//# ints rows
//# constants LX LY
fn run(group: u32, lane: u32) {
  var sum = vec2f();
  var whole = vec2f();
  for (var row = lane; row < p.rows; row += SIZE) {
    sum = add_pairs(sum, parts[row].xy);
    whole = add_to(whole, parts[row].z);
  }
  sum = tree_sum(sum, lane);
  whole = tree_sum(whole, lane);
  if (lane == 0u) { loss[0] = total(sum) / total(whole); }
}

// The sum of the labels' weights.
//# kernel totalWeight
//# uses tree
//# reads labels: i32
//# reads weights?: f32
//# writes whole: f32
//# ints rows
//# constants LX LY
fn run(group: u32, lane: u32) {
  var sum = vec2f();
  for (var row = lane; row < p.rows; row += SIZE) {
    var w = 1.0;
    if (HAS_weights) { w = weights[labels[row]]; }
    sum = add_to(sum, w);
  }
  sum = tree_sum(sum, lane);
  if (lane == 0u) { whole[0] = total(sum); }
}

//# kernel countCorrect
//# uses tree
//# reads logits: f32
//# reads labels: i32
//# writes correct: i32
//# ints rows classes inner
//# constants LX LY
fn run(group: u32, lane: u32) {
  var sum = vec2f();
  for (var row = lane; row < p.rows; row += SIZE) {
    var best = 0u;
    var place = 0u;
    for (var c = 0u; c < p.classes; c++) {
      let own = key(logits[((row / p.inner) * p.classes + c) * p.inner + row % p.inner]);
      if (own > best) {
        best = own;
        place = c;
      }
    }
    if (best != 0xffffffffu && best != 0u && i32(place) == labels[row]) { sum = add_to(sum, 1.0); }
  }
  sum = tree_sum(sum, lane);
  if (lane == 0u) { correct[0] = i32(total(sum)); }
}
