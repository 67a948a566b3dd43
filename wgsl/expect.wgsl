// Finds the first value that is not as expected, and how many are not: (place + 1 or 0, count, the value's bits).
//# kernel expect
//# uses tree
//# reads x: f32
//# writes found: vec4u
//# ints count slot some several varied
//# floats low high
//# constants CHECK LX LY
fn fits(i: u32) -> bool {
  if (CHECK == 5) {
    // Moments: three pairs for each share.
    let count = x[6u * i] + x[6u * i + 1u];
    let m2 = x[6u * i + 4u] + x[6u * i + 5u];
    return !((p.some == 1u && count == 0.0) || (p.several == 1u && count == 1.0) || (p.varied == 1u && count != 0.0 && is_zero(m2)));
  }
  let v = x[i];
  if (CHECK == 0) { return is_zero(v) || bitcast<u32>(v) == 0x3f800000u; }
  if (CHECK == 1) { return !is_zero(v); }
  if (CHECK == 2) { return is_zero(v); }
  if (CHECK == 3) { return is_nan(v) || (key(v) >= key(p.low) && key(v) <= key(p.high)); }
  return is_finite(v) && trunc(v) == v && v >= p.low && v <= p.high;
}
fn run(group: u32, lane: u32) {
  var first = 0u;
  var count = 0u;
  for (var i = lane; i < p.count; i += SIZE) {
    if (!fits(i)) {
      first = max(first, p.count - i);
      count += 1u;
    }
  }
  let place = p.count - tree_max(first, lane);
  // Whole numbers far below 2^24 for each lane, so that their sum is exact.
  let sum = tree_sum(vec2f(f32(count), 0.0), lane);
  if (lane != 0u) { return; }
  if (CHECK == 2) {
    // Some value must not be 0.
    found[p.slot] = vec4u(select(0u, 1u, sum.x == 0.0), p.count, 0u, 0u);
  } else if (sum.x == 0.0) {
    found[p.slot] = vec4u();
  } else {
    var value = bitcast<u32>(x[place]);
    if (CHECK == 5) { value = bitcast<u32>(x[6u * place] + x[6u * place + 1u]); }
    found[p.slot] = vec4u(place + 1u, u32(sum.x), value, 0u);
  }
}
