// Elementary functions in f32, within two units of the last place (pow: four), from sums, products, quotients and
// roots. Arguments that are NaN are handled by who calls. The polynomials are least-squares fits at Chebyshev points,
// weighted by what they add to the result.

fn two_to(n: i32) -> f32 { return bitcast<f32>(u32(n + 127) << 23u); }

fn expm1_of_remainder(r: f32) -> f32 {
  let q = 0.5 + r * (0.1666666716 + r * (4.166635126e-2 + r * (8.333288133e-3 + r * (1.394111081e-3 + r * 1.990520104e-4))));
  return r + r * r * q;
}
fn powers_of(x: f32) -> f32 { return round(x * 1.44269504); }
fn remainder_of(x: f32, n: f32) -> f32 { return opaque(opaque(x - n * 0.693145751953125)) - n * 1.42860682e-6; }

// v 2^n, of n from -252 on.
fn scaled(v: f32, n: i32) -> f32 {
  let half = n / 2;
  return opaque(v * two_to(half)) * two_to(n - half);
}
// e^(high + low), the low part far below the high one.
fn exp_of_parts(high: f32, low: f32) -> f32 {
  if (high > 88.8) { return infinity(); }
  if (high < -104.0) { return 0.0; }
  let n = powers_of(high);
  return scaled(1.0 + expm1_of_remainder(remainder_of(high, n) + low), i32(n));
}
fn exp_of(x: f32) -> f32 { return exp_of_parts(x, 0.0); }

fn expm1_of(x: f32) -> f32 {
  if (abs(x) < 1e-8) { return x; }
  if (abs(x) < 0.34) { return expm1_of_remainder(x); }
  if (x > 40.0) { return exp_of(x); }
  if (x < -18.0) { return -1.0; }
  let n = powers_of(x);
  let scale = two_to(i32(n));
  return expm1_of_remainder(remainder_of(x, n)) * scale + opaque(scale - 1.0);
}

// ln(1 + f) - f for f between sqrt(1/2) - 1 and sqrt(2) - 1
fn log1p_tail(f: f32) -> f32 {
  let q = 0.3333331048 + f * (-0.25 + f * (0.2000224590 + f * (-0.1666851193 + f * (0.1421776265 + f * (-0.1239644513
    + f * (0.1189098954 + f * (-0.1172660515 + f * 6.800912321e-2)))))));
  return f * f * (f * q - 0.5);
}

// x = 2^n * (1 + f), x above 0 and finite
struct Split { n: f32, f: f32 }
fn split(x: f32) -> Split {
  var bits = bitcast<i32>(x);
  var shift = 0;
  if (bits < 0x00800000) {
    // Subnormal: the bits are a whole number of the smallest of all.
    bits = bitcast<i32>(f32(bits));
    shift = -149;
  }
  let steps = bits - 0x3f3504f3;
  let n = steps >> 23u;
  let m = bitcast<f32>(bits - (n << 23u));
  return Split(f32(n + shift), opaque(m - 1.0));
}

fn log_of(x: f32) -> f32 {
  if (is_zero(x)) { return -infinity(); }
  if (bitcast<i32>(x) < 0) { return nan(); }
  if (!is_finite(x)) { return x; }
  let s = split(x);
  return s.n * 0.693145751953125 + (s.f + (log1p_tail(s.f) + s.n * 1.42860682e-6));
}

fn log1p_of(x: f32) -> f32 {
  if (abs(x) < 1e-8) { return x; }
  if (x > -0.2928 && x < 0.4142) { return x + log1p_tail(x); }
  let u = two_sum(1.0, x);
  if (u.x <= 0.0 || !is_finite(u.x)) { return log_of(u.x); }
  return log_of(u.x) + u.y / u.x;
}

fn tanh_of(x: f32) -> f32 {
  let a = abs(x);
  if (a < 1e-4) { return x; }
  if (a < 0.63) {
    let z = x * x;
    return x + x * z * (-0.3333333135 + z * (0.1333319098 + z * (-5.394482613e-2 + z * (2.168995887e-2 + z * (-8.150427602e-3 + z * 2.117895987e-3)))));
  }
  let t = 1.0 - 2.0 / (exp_of(2.0 * a) + 1.0);
  return select(select(t, 1.0, a > 9.1), -select(t, 1.0, a > 9.1), x < 0.0);
}

// e^(high + low) = (v.x + v.y) 2^n, so that neither rounding nor underflow spoils what is made of it.
struct Power { v: vec2f, n: i32 }
fn power_of(high: f32, low: f32) -> Power {
  let n = powers_of(high);
  return Power(two_sum(1.0, expm1_of_remainder(remainder_of(high, n) + low)), i32(n));
}
fn times(a: vec2f, b: vec2f) -> vec2f {
  let s = two_product(a.x, b.x);
  return vec2f(s.x, s.y + (a.x * b.y + a.y * b.x));
}
// a / b, put right by what rounding took from it.
fn divided(a: vec2f, b: vec2f) -> f32 {
  let y = a.x / b.x;
  let s = two_product(y, b.x);
  return y + (opaque(opaque(a.x - s.x) - s.y) + (a.y - y * b.y)) / b.x;
}

fn sigmoid_of(x: f32) -> f32 {
  let e = exp_of(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}

// x/(1 + z), or x e/(1 + z) below 0, with z = e = e^-|x|.
fn silu_of(x: f32) -> f32 {
  if (is_zero(x) || !is_finite(x)) { return choose(x, nan(), bitcast<u32>(x) == 0xff800000u); }
  let e = power_of(-min(abs(x), 150.0), 0.0);
  let sum = add_to(vec2f(scaled(e.v.x, e.n), scaled(e.v.y, e.n)), 1.0);
  if (x > 0.0) { return divided(vec2f(x, 0.0), sum); }
  return scaled(divided(times(vec2f(choose(x, -150.0, x < -150.0), 0.0), e.v), sum), e.n);
}

// x w (w + 2) / (w (w + 2) + 2) with w = e^x.
fn mish_of(x: f32) -> f32 {
  if (is_zero(x) || x > 20.0) { return x; }
  let near = choose(x, -150.0, x < -150.0);
  let e = power_of(near, 0.0);
  let w = vec2f(scaled(e.v.x, e.n), scaled(e.v.y, e.n));
  let sum = add_to(w, 2.0);
  let top = times(times(vec2f(near, 0.0), e.v), sum);
  return scaled(divided(top, add_to(times(w, sum), 2.0)), e.n);
}

// e^(-factor x^2) of |x| up to 15: the square in two parts, since exp would magnify its rounding error.
fn decay_of(x: f32, factor: f32) -> Power {
  let a = abs(x);
  let high = upper(a);
  return power_of(-factor * high * high, -factor * opaque(a - high) * (a + high));
}
// scale e^(-factor x^2)
fn bell(x: f32, factor: f32, scale: vec2f) -> f32 {
  if (abs(x) > 15.0 || factor * x * x > 113.0) { return 0.0; }
  let e = decay_of(x, factor);
  let v = times(e.v, scale);
  return scaled(v.x + v.y, e.n);
}
// The normal distribution function of -a is g(a) e^(-a^2/2) / (a + 2.5), a from 0 to 15.
fn tail_ratio(a: f32) -> vec2f {
  let v = (a - 2.5) / (a + 2.5);
  let s = two_sum(0.7066566348, v * (-0.4336920083 + v * (0.1319871396 + v * (9.235857055e-3 + v * (-1.638767123e-2
    + v * (-1.601261087e-3 + v * (2.528367797e-3 + v * (6.868269993e-4 + v * (-3.158058389e-4 + v * -1.607492304e-4)))))))));
  return vec2f(s.x, s.y + 2.233831076e-8);
}
fn normal_tail(a: f32) -> f32 {
  return bell(a, 0.5, tail_ratio(a)) / (a + 2.5);
}
fn normal_distribution(x: f32) -> f32 {
  if (abs(x) > 15.0) { return select(0.0, 1.0, x > 0.0); }
  let tail = normal_tail(abs(x));
  return select(tail, 1.0 - tail, x > 0.0);
}
// x times the normal distribution function: its tail, or what it takes from x above 0.
fn gelu_of(x: f32) -> f32 {
  if (is_zero(x) || !is_finite(x)) { return choose(x, nan(), bitcast<u32>(x) == 0xff800000u); }
  let near = choose(choose(x, 15.0, x > 15.0), -15.0, x < -15.0);
  let e = decay_of(near, 0.5);
  let top = times(times(vec2f(near, 0.0), e.v), tail_ratio(abs(near)));
  let tail = scaled(divided(top, two_sum(abs(near), 2.5)), e.n);
  return choose(tail, x - tail, x > 0.0);
}
fn normal_density(x: f32) -> f32 { return bell(x, 0.5, vec2f(0.398942292, -1.13351701e-8)); }

fn erf_of(x: f32) -> f32 {
  let a = abs(x);
  if (a < 1.0) {
    let z = x * x;
    return x + x * (0.1283791671 + z * (-0.3761263788 + z * (0.1128378287 + z * (-2.686543763e-2 + z * (5.221053492e-3
      + z * (-8.484396385e-4 + z * (1.126825373e-4 + z * -9.673591194e-6)))))));
  }
  var y = 1.0;
  if (a < 4.1) { y = 1.0 - 2.0 * normal_tail(a * 1.41421356); }
  return select(y, -y, x < 0.0);
}

fn multiply_high(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let low = al * bl;
  let middle = ah * bl + (low >> 16u);
  let other = al * bh + (middle & 0xffffu);
  return ah * bh + (middle >> 16u) + (other >> 16u);
}
// 2/pi, 32 zeros before it.
const two_over_pi = array<u32, 8>(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu);
fn window(at: u32) -> u32 {
  let word = at >> 5u;
  let shift = at & 31u;
  var table = two_over_pi;
  let high = table[word] << shift;
  return select(high | (table[min(word + 1u, 7u)] >> ((32u - shift) & 31u)), high, shift == 0u);
}
// |x| = quarters * pi/2 + r.x + r.y (Payne & Hanek 1983): the bits of 2/pi that matter, times the mantissa.
struct Turn { quarters: u32, r: vec2f }
fn turn_of(x: f32) -> Turn {
  let a = abs(x);
  if (a < 0.78539) { return Turn(0u, vec2f(a, 0.0)); }
  let bits = bitcast<u32>(a);
  let m = (bits & 0x7fffffu) | 0x800000u;
  // The window begins where the product has weight 2.
  let at = (bits >> 23u) - 120u;
  let w1 = window(at + 32u);
  let low = w1 * m;
  let word1 = low + multiply_high(window(at + 64u), m);
  let word0 = window(at) * m + multiply_high(w1, m) + select(0u, 1u, word1 < low);
  var high = (word0 << 2u) | (word1 >> 30u);
  var rest = word1 << 2u;
  var quarters = word0 >> 30u;
  let is_beyond = high >= 0x80000000u;
  if (is_beyond) {
    quarters += 1u;
    rest = ~rest + 1u;
    high = ~high + select(0u, 1u, rest == 0u);
  }
  let zeros = min(countLeadingZeros(high), 31u);
  let top = (high << zeros) | select(rest >> ((32u - zeros) & 31u), 0u, zeros == 0u);
  // 24 bits and 8.
  let r = times(vec2f(f32(top >> 8u), f32(top & 0xffu) * 0.00390625), vec2f(1.57079637, -4.37113883e-8));
  let scale = two_to(-24 - i32(zeros));
  return Turn(quarters, r * select(scale, -scale, is_beyond));
}
fn circular(turn: Turn, more: u32) -> f32 {
  let n = turn.quarters + more;
  let r = turn.r;
  let z = r.x * r.x;
  let sine = r.x + (r.y + r.x * z * (-0.1666666716 + z * (8.333329111e-3 + z * (-1.983932016e-4 + z * 2.718198630e-6))));
  let cosine = 1.0 + (z * z * (4.166666791e-2 + z * (-1.388888340e-3 + z * (2.479949217e-5 + z * -2.720820476e-7)))
    - (0.5 * z + r.x * r.y));
  let v = select(sine, cosine, (n & 1u) == 1u);
  return select(v, -v, (n & 2u) == 2u);
}
fn sin_of(x: f32) -> f32 {
  if (!is_finite(x)) { return nan(); }
  if (abs(x) < 1e-4) { return x; }
  let v = circular(turn_of(x), 0u);
  return select(v, -v, x < 0.0);
}
fn cos_of(x: f32) -> f32 {
  if (!is_finite(x)) { return nan(); }
  return circular(turn_of(x), 1u);
}

// ln x of x above 0 and finite as (high, low): 2 artanh(f / (2 + f)).
fn log_parts(x: f32) -> vec2f {
  let s = split(x);
  let d = two_sum(s.f, 2.0);
  let t = s.f / d.x;
  let product = two_product(t, d.x);
  let t_low = (opaque(s.f - product.x) - product.y - t * d.y) / d.x;
  let z = t * t;
  let tail = 2.0 * t * z * (0.333333333 + z * (0.2 + z * (0.142857143 + z * (0.111111111 + z * 0.0909090909))));
  let sum = two_sum(s.n * 0.693145751953125, 2.0 * t);
  return vec2f(sum.x, sum.y + (2.0 * t_low + tail + s.n * 1.42860682e-6));
}

fn pow_of(base: f32, exponent: f32) -> f32 {
  // 1 to any power is 1, also to NaN; compared by bits, since compilers assume that NaN does not occur.
  if (is_zero(exponent) || bitcast<u32>(base) == 0x3f800000u) { return 1.0; }
  if (is_nan(base)) { return base; }
  if (is_nan(exponent)) { return exponent; }
  if (exponent == 1.0) { return base; }
  if (exponent == 2.0) { return base * base; }
  if (exponent == -1.0) { return 1.0 / base; }
  let a = abs(base);
  let e = abs(exponent);
  let is_whole = e >= 8388608.0 || floor(e) == e;
  let is_odd = e < 16777216.0 && is_whole && (u32(min(e, 16777216.0)) & 1u) == 1u;
  let is_negative = bitcast<i32>(base) < 0;
  if (is_negative && !is_zero(base) && is_finite(base) && !is_whole) { return nan(); }
  let sign = select(1.0, -1.0, is_negative && is_odd);
  if (exponent == 0.5) { return sqrt(a); }
  if (!is_finite(exponent)) {
    if (a == 1.0) { return 1.0; }
    return choose(0.0, infinity(), (a > 1.0) == (exponent > 0.0));
  }
  if (is_zero(base) || !is_finite(base)) { return sign * choose(0.0, infinity(), is_zero(base) != (exponent > 0.0)); }
  let l = log_parts(a);
  let product = two_product(exponent, l.x);
  if (!is_finite(product.x) || abs(product.x) > 110.0) { return sign * choose(0.0, infinity(), bitcast<i32>(product.x) > 0); }
  return sign * exp_of_parts(product.x, product.y + exponent * l.y);
}
