// What compilers may not see through. They may reassociate sums, and assume that NaN and infinity never occur; so
// differences whose rounding matters go through `opaque`, and tests on kinds of numbers are made on bits.

// v itself: p.zero is 0, which no compiler can know.
fn opaque(v: f32) -> f32 { return bitcast<f32>(bitcast<u32>(v) ^ p.zero); }

fn magnitude(v: f32) -> u32 { return bitcast<u32>(v) & 0x7fffffffu; }
fn is_nan(v: f32) -> bool { return magnitude(v) > 0x7f800000u; }
fn is_finite(v: f32) -> bool { return magnitude(v) < 0x7f800000u; }
fn is_zero(v: f32) -> bool { return magnitude(v) == 0u; }
fn is_above_zero(v: f32) -> bool { return bitcast<i32>(v) > 0 && !is_nan(v); }
fn nan() -> f32 { return bitcast<f32>(0x7fc00000u ^ p.zero); }
fn infinity() -> f32 { return bitcast<f32>(0x7f800000u ^ p.zero); }
fn choose(no: f32, yes: f32, which: bool) -> f32 { return bitcast<f32>(select(bitcast<u32>(no), bitcast<u32>(yes), which)); }

// An integer that is ordered as the numbers are, -0 below 0, NaN above all.
fn strict_key(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}
// The same with -0 equal to 0.
fn key(v: f32) -> u32 { return select(strict_key(v), 0x80000000u, is_zero(v)); }
fn of_key(k: u32) -> f32 {
  if (k == 0xffffffffu) { return nan(); }
  return bitcast<f32>(select(~k, k ^ 0x80000000u, k >= 0x80000000u));
}

// max(v, 0) that keeps NaN, whose gradient passes, too.
fn passes(v: f32) -> bool { return is_above_zero(v) || is_nan(v); }
fn rectify(v: f32) -> f32 { return choose(0.0, v, passes(v)); }

// A sum and what rounding took from it.
fn two_sum(a: f32, b: f32) -> vec2f {
  let s = opaque(a + b);
  let t = opaque(s - a);
  let e = opaque(a - opaque(s - t)) + opaque(b - t);
  return vec2f(s, e);
}
// The upper 12 bits of a number.
fn upper(v: f32) -> f32 { return bitcast<f32>(bitcast<u32>(v) & 0xfffff000u); }
// A product and what rounding took from it.
fn two_product(a: f32, b: f32) -> vec2f {
  let s = opaque(a * b);
  let ah = upper(a);
  let bh = upper(b);
  let al = opaque(a - ah);
  let bl = opaque(b - bh);
  let e = opaque(opaque(opaque(opaque(ah * bh) - s) + opaque(ah * bl)) + opaque(al * bh)) + al * bl;
  return vec2f(s, e);
}
// A sum kept as (high, low), plus a number.
fn add_to(sum: vec2f, v: f32) -> vec2f {
  let s = two_sum(sum.x, v);
  return vec2f(s.x, sum.y + s.y);
}
// Its value; of infinities the low part is NaN and says nothing.
fn total(sum: vec2f) -> f32 { return choose(sum.x, sum.x + sum.y, is_finite(sum.y)); }
