// What turns x into (x - mean) * scale for one kept index: the moments of the batch, three wide numbers each, or mean
// and variance as given. A wide number is a pair of f32, high and low.

struct Statistics { high: f32, low: f32, scale: f32, count: f32 }
fn statistics_of(k: u32) -> Statistics {
  if (GIVEN) { return Statistics(mean[k], 0.0, 1.0 / sqrt(variance[k] + p.eps), 1.0); }
  let count = moments[3u * k].x + moments[3u * k].y;
  let m = moments[3u * k + 1u];
  let m2 = moments[3u * k + 2u];
  if (count == 0.0) { return Statistics(0.0, 0.0, 0.0, 0.0); }
  // A variance that float32 does not hold must not pass for a scale of 0.
  let scale = choose(nan(), 1.0 / sqrt((m2.x + m2.y) / count + p.eps), is_finite(m2.x));
  return Statistics(m.x, m.y, scale, count);
}
fn centred_value(v: f32, s: Statistics) -> f32 { return opaque(v - s.high) - s.low; }
fn weight_of(q: u32) -> f32 {
  if (HAS_weight) { return weight[q]; }
  return 1.0;
}
fn bias_of(q: u32) -> f32 {
  if (HAS_bias) { return bias[q]; }
  return 0.0;
}
// weight * (x - mean) * scale + bias, before any rectifier.
fn mapped(v: f32, s: Statistics, q: u32) -> f32 {
  // A weight of 0 leaves the bias, also where float32 does not hold the variance. A mean of NaN stays NaN.
  let a = choose(s.scale * weight_of(q), 0.0, is_zero(weight_of(q)));
  return opaque(v - s.high) * a + (bias_of(q) - s.low * a);
}
// dy as it reaches that value.
fn reaching(dy: f32, v: f32, s: Statistics, q: u32) -> f32 {
  if (RECTIFIES) { return choose(0.0, dy, passes(mapped(v, s, q))); }
  return dy;
}
