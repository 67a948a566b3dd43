fn value_neg(x: f32, q: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ 0x80000000u); }
fn value_exp(x: f32, q: f32) -> f32 { return exp_of(x); }
fn value_log(x: f32, q: f32) -> f32 { return log_of(x); }
fn value_sqrt(x: f32, q: f32) -> f32 {
  if (is_zero(x) || bitcast<u32>(x) == 0x7f800000u) { return x; }
  return choose(sqrt(abs(x)), nan(), bitcast<i32>(x) < 0);
}
fn value_relu(x: f32, q: f32) -> f32 { return rectify(x); }
fn value_leakyRelu(x: f32, q: f32) -> f32 { return choose(q * x, x, is_above_zero(x)); }
fn value_elu(x: f32, q: f32) -> f32 { return choose(q * expm1_of(x), x, is_above_zero(x)); }
fn value_gelu(x: f32, q: f32) -> f32 { return gelu_of(x); }
fn value_silu(x: f32, q: f32) -> f32 { return silu_of(x); }
fn value_softplus(x: f32, q: f32) -> f32 { return choose(0.0, x, is_above_zero(x)) + log1p_of(exp_of(-abs(x))); }
fn value_hardSwish(x: f32, q: f32) -> f32 {
  if (x <= -3.0) { return choose(x * 0.0, nan(), !is_finite(x)); }
  return choose(x * ((x + 3.0) / 6.0), x, x >= 3.0);
}
fn value_sigmoid(x: f32, q: f32) -> f32 { return sigmoid_of(x); }
fn value_tanh(x: f32, q: f32) -> f32 { return tanh_of(x); }
fn value_abs(x: f32, q: f32) -> f32 { return bitcast<f32>(magnitude(x)); }
fn value_sign(x: f32, q: f32) -> f32 { return choose(choose(1.0, -1.0, bitcast<i32>(x) < 0), x, is_zero(x)); }
fn value_floor(x: f32, q: f32) -> f32 { return choose(floor(x), x, is_zero(x) || !is_finite(x)); }
fn value_ceil(x: f32, q: f32) -> f32 {
  let y = ceil(x);
  return choose(choose(y, bitcast<f32>(bitcast<u32>(y) | (bitcast<u32>(x) & 0x80000000u)), is_zero(y)), x, !is_finite(x));
}
fn value_round(x: f32, q: f32) -> f32 {
  let y = round(x);
  return choose(choose(y, bitcast<f32>(bitcast<u32>(y) | (bitcast<u32>(x) & 0x80000000u)), is_zero(y)), x, abs(x) >= 8388608.0 || !is_finite(x));
}
fn value_sin(x: f32, q: f32) -> f32 { return sin_of(x); }
fn value_cos(x: f32, q: f32) -> f32 { return cos_of(x); }
fn value_erf(x: f32, q: f32) -> f32 { return erf_of(x); }
fn value_log1p(x: f32, q: f32) -> f32 { return log1p_of(x); }
fn value_expm1(x: f32, q: f32) -> f32 { return expm1_of(x); }
fn value_mish(x: f32, q: f32) -> f32 { return mish_of(x); }

fn slope_exp(y: f32, q: f32) -> f32 { return y; }
fn slope_log(x: f32, q: f32) -> f32 { return 1.0 / x; }
fn slope_sqrt(y: f32, q: f32) -> f32 { return 0.5 / y; }
fn slope_relu(y: f32, q: f32) -> f32 { return select(0.0, 1.0, passes(y)); }
fn slope_leakyRelu(x: f32, q: f32) -> f32 { return select(q, 1.0, is_above_zero(x)); }
fn slope_elu(x: f32, q: f32) -> f32 { return choose(q * exp_of(x), 1.0, is_above_zero(x)); }
fn slope_gelu(x: f32, q: f32) -> f32 { return normal_distribution(x) + x * normal_density(x); }
fn slope_silu(x: f32, q: f32) -> f32 { return sigmoid_of(x) * (1.0 + x * sigmoid_of(-x)); }
fn slope_softplus(x: f32, q: f32) -> f32 { return sigmoid_of(x); }
fn slope_hardSwish(x: f32, q: f32) -> f32 { return select(select((2.0 * x + 3.0) / 6.0, 1.0, x >= 3.0), 0.0, x <= -3.0); }
fn slope_sigmoid(y: f32, q: f32) -> f32 { return y * (1.0 - y); }
fn slope_tanh(y: f32, q: f32) -> f32 { return 1.0 - y * y; }
fn slope_abs(x: f32, q: f32) -> f32 { return choose(value_sign(x, q), 0.0, is_nan(x)); }
fn slope_sin(x: f32, q: f32) -> f32 { return cos_of(x); }
fn slope_cos(x: f32, q: f32) -> f32 { return -sin_of(x); }
fn slope_erf(x: f32, q: f32) -> f32 { return bell(x, 1.0, vec2f(1.12837923, -5.86354665e-8)); }
fn slope_log1p(x: f32, q: f32) -> f32 { return 1.0 / (1.0 + x); }
fn slope_expm1(x: f32, q: f32) -> f32 { return exp_of(x); }
fn slope_mish(x: f32, q: f32) -> f32 {
  let near = choose(choose(x, 20.0, x > 20.0), -100.0, x < -100.0);
  let w = exp_of(near);
  let n = w * (w + 2.0);
  return n / (n + 2.0) + 4.0 * near * w * (w + 1.0) / ((n + 2.0) * (n + 2.0));
}

fn binary_add(a: f32, b: f32) -> f32 { return a + b; }
fn binary_sub(a: f32, b: f32) -> f32 { return a - b; }
fn binary_mul(a: f32, b: f32) -> f32 { return a * b; }
fn binary_div(a: f32, b: f32) -> f32 { return a / b; }
fn binary_pow(a: f32, b: f32) -> f32 { return pow_of(a, b); }
fn binary_powBase(a: f32, b: f32) -> f32 {
  if (is_zero(b)) { return 0.0; }
  // What rounding took from b - 1 counts: times ln a.
  let e = two_sum(b, -1.0);
  let y = b * pow_of(a, e.x);
  if (is_zero(e.y) || !is_finite(e.y) || !is_finite(y) || !is_above_zero(a) || !is_finite(a)) { return y; }
  return y + y * (e.y * log_of(a));
}
fn binary_powExponent(a: f32, b: f32) -> f32 {
  return choose(pow_of(a, b) * log_of(a), 0.0, is_zero(a) && (is_zero(b) || is_above_zero(b)));
}
fn binary_logisticLoss(a: f32, b: f32) -> f32 {
  if (is_nan(a) || is_nan(b)) { return a + b; }
  let wrong = select(b, 1.0 - b, a >= 0.0);
  return choose(abs(a) * wrong, 0.0, wrong == 0.0) + log1p_of(exp_of(-abs(a)));
}
fn binary_logisticSlope(a: f32, b: f32) -> f32 { return choose(sigmoid_of(a), a, is_nan(a)) - b; }
fn binary_pass(a: f32, b: f32) -> f32 { return choose(a, 0.0, is_zero(b)); }
fn binary_minimum(a: f32, b: f32) -> f32 {
  if (is_nan(a) || is_nan(b)) { return nan(); }
  return choose(a, b, strict_key(b) < strict_key(a));
}
fn binary_maximum(a: f32, b: f32) -> f32 { return choose(a, b, strict_key(b) > strict_key(a)); }
fn binary_maximumShare(a: f32, b: f32) -> f32 {
  if (is_nan(a) || is_nan(b)) { return 1.0; }
  return select(select(0.0, 0.5, key(a) == key(b)), 1.0, key(a) > key(b));
}
fn binary_equal(a: f32, b: f32) -> f32 { return select(0.0, 1.0, key(a) == key(b) && !is_nan(a)); }
fn binary_notEqual(a: f32, b: f32) -> f32 { return select(1.0, 0.0, key(a) == key(b) && !is_nan(a)); }
fn binary_less(a: f32, b: f32) -> f32 { return select(0.0, 1.0, key(a) < key(b) && !is_nan(b)); }
fn binary_lessEqual(a: f32, b: f32) -> f32 { return select(0.0, 1.0, key(a) <= key(b) && !is_nan(b)); }
fn binary_either(a: f32, b: f32) -> f32 { return choose(a, b, bitcast<u32>(a) == 0u); }
fn binary_prelu(a: f32, b: f32) -> f32 { return choose(b * a, a, is_above_zero(a)); }
fn binary_preluSlope(a: f32, b: f32) -> f32 { return choose(b, 1.0, is_above_zero(a)); }
fn binary_timesNegative(a: f32, b: f32) -> f32 { return choose(a * b, 0.0, is_above_zero(b)); }

// Four values for each lane: the end of a block is padded, so that the last four may be beyond its length.

//# kernel unary
//# uses elementary
//# reads x: vec4f
//# writes y: vec4f
//# ints quads
//# floats parameter
//# constants OP
fn value_of(v: f32) -> f32 { return choose(OP(v, p.parameter), v, is_nan(v)); }
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.quads) { return; }
  let v = x[i];
  y[i] = vec4f(value_of(v.x), value_of(v.y), value_of(v.z), value_of(v.w));
}

//# kernel unaryGradient
//# uses elementary
//# reads dy: vec4f
//# reads saved: vec4f
//# writes dx: vec4f
//# ints quads
//# floats parameter
//# constants OP
fn value_of(v: f32) -> f32 { return OP(v, p.parameter); }
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.quads) { return; }
  let v = saved[i];
  dx[i] = dy[i] * vec4f(value_of(v.x), value_of(v.y), value_of(v.z), value_of(v.w));
}

//# kernel binaryFlat
//# uses elementary
//# reads a: vec4f
//# reads b: vec4f
//# writes y: vec4f
//# ints quads
//# constants OP
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.quads) { return; }
  let v = a[i];
  let w = b[i];
  y[i] = vec4f(OP(v.x, w.x), OP(v.y, w.y), OP(v.z, w.z), OP(v.w, w.w));
}

//# kernel binaryWalk
//# uses elementary walk
//# reads a: f32
//# reads b: f32
//# writes y: f32
//# ints length e1 e2 e3 e4 r0 r1 r2 r3 r4 s0 s1 s2 s3 s4
//# constants OP
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.length) { return; }
  let at = walk(i);
  y[i] = OP(a[at.x], b[at.y]);
}


//# kernel binaryNumber
//# uses elementary
//# reads x: vec4f
//# writes y: vec4f
//# ints quads
//# floats number
//# constants OP FIRST
fn of_both(v: f32) -> f32 {
  if (FIRST) { return OP(p.number, v); }
  return OP(v, p.number);
}
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.quads) { return; }
  let v = x[i];
  y[i] = vec4f(of_both(v.x), of_both(v.y), of_both(v.z), of_both(v.w));
}
