// Over the middle of (outer, count, inner). A workgroup takes LX lines that lie side by side, and LY lanes walk along
// each. Lanes of lines that are not there walk no values; all lanes meet at the barriers.

struct Line { is_real: bool, index: u32, start: u32, first: u32 }
fn line_of(group: u32, lane: u32, lines: u32, count: u32, inner: u32) -> Line {
  let index = group * LX + lane % LX;
  return Line(index < lines, index, (index / inner) * count * inner + index % inner, lane / LX);
}
fn safe_exp(v: f32) -> f32 { return choose(exp_of(v), v, is_nan(v)); }

//# kernel sum
//# uses tree elementary
//# reads x: f32
//# writes y: f32
//# ints lines count inner pieces size
//# constants LX LY
fn run(group: u32, lane: u32) {
  let index = group * LX + lane % LX;
  let row = index / p.inner;
  let begin = (row % p.pieces) * p.size;
  let end = select(0u, min(p.count, begin + p.size), index < p.lines);
  let start = (row / p.pieces) * p.count * p.inner + index % p.inner;
  var sum = vec2f();
  for (var k = begin + lane / LX; k < end; k += LY) { sum = add_to(sum, x[start + k * p.inner]); }
  sum = tree_sum(sum, lane);
  if (index < p.lines && lane < LX) { y[index] = total(sum); }
}

//# kernel max
//# uses tree elementary
//# reads x: f32
//# writes y: f32
//# ints lines count inner
//# constants LX LY
fn run(group: u32, lane: u32) {
  let line = line_of(group, lane, p.lines, p.count, p.inner);
  var largest = 0u;
  let end = select(0u, p.count, line.is_real);
  for (var k = line.first; k < end; k += LY) { largest = max(largest, key(x[line.start + k * p.inner])); }
  largest = tree_max(largest, lane);
  if (line.is_real && lane < LX) { y[line.index] = of_key(largest); }
}

//# kernel maxGradient
//# uses tree elementary
//# reads dy: f32
//# reads x: f32
//# writes dx: f32
//# ints lines count inner
//# constants LX LY
fn run(group: u32, lane: u32) {
  let line = line_of(group, lane, p.lines, p.count, p.inner);
  let end = select(0u, p.count, line.is_real);
  var largest = 0u;
  for (var k = line.first; k < end; k += LY) { largest = max(largest, key(x[line.start + k * p.inner])); }
  largest = tree_max(largest, lane);
  // The first place is the largest of the places counted from the end.
  var place = 0u;
  for (var k = line.first; k < end; k += LY) {
    if (key(x[line.start + k * p.inner]) == largest) { place = max(place, p.count - k); }
  }
  let first = p.count - tree_max(place, lane);
  for (var k = line.first; k < end; k += LY) { dx[line.start + k * p.inner] = choose(0.0, dy[line.index], k == first); }
}

//# kernel cumSum
//# uses elementary
//# reads x: f32
//# writes y: f32
//# ints lines count inner
//# constants LX LY REVERSED
fn run(group: u32, lane: u32) {
  let line = line_of(group, lane, p.lines, p.count, p.inner);
  if (!line.is_real) { return; }
  var sum = vec2f();
  for (var k = 0u; k < p.count; k++) {
    let at = line.start + select(k, p.count - 1u - k, REVERSED) * p.inner;
    sum = add_to(sum, x[at]);
    y[at] = total(sum);
  }
}

//# kernel softmax
//# uses tree elementary
//# reads x: f32
//# writes y: f32
//# ints lines count inner
//# constants LX LY LOGARITHM
fn run(group: u32, lane: u32) {
  let line = line_of(group, lane, p.lines, p.count, p.inner);
  let end = select(0u, p.count, line.is_real);
  var top = 0u;
  for (var k = line.first; k < end; k += LY) { top = max(top, key(x[line.start + k * p.inner])); }
  let largest = of_key(tree_max(top, lane));
  var sum = vec2f();
  for (var k = line.first; k < end; k += LY) { sum = add_to(sum, safe_exp(opaque(x[line.start + k * p.inner] - largest))); }
  let whole = total(tree_sum(sum, lane));
  if (LOGARITHM) {
    let log_whole = choose(log_of(whole), whole, is_nan(whole));
    for (var k = line.first; k < end; k += LY) {
      let at = line.start + k * p.inner;
      y[at] = opaque(x[at] - largest) - log_whole;
    }
  } else {
    for (var k = line.first; k < end; k += LY) {
      let at = line.start + k * p.inner;
      y[at] = safe_exp(opaque(x[at] - largest)) / whole;
    }
  }
}

//# kernel softmaxGradient
//# uses tree elementary
//# reads dy: f32
//# reads y: f32
//# writes dx: f32
//# ints lines count inner
//# constants LX LY LOGARITHM
fn run(group: u32, lane: u32) {
  let line = line_of(group, lane, p.lines, p.count, p.inner);
  let end = select(0u, p.count, line.is_real);
  var sum = vec2f();
  for (var k = line.first; k < end; k += LY) {
    let at = line.start + k * p.inner;
    if (LOGARITHM) { sum = add_to(sum, dy[at]); } else { sum = add_to(sum, dy[at] * y[at]); }
  }
  let whole = total(tree_sum(sum, lane));
  for (var k = line.first; k < end; k += LY) {
    let at = line.start + k * p.inner;
    if (LOGARITHM) { dx[at] = dy[at] - safe_exp(y[at]) * whole; } else { dx[at] = y[at] * (dy[at] - whole); }
  }
}
