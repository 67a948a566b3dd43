// Elementary functions in f64, one value at a time, from operations that IEEE 754 fixes; as src/elementary.ts.

/** eˣ in f64 for |x| ≤ 708 or so, 0 below and ∞ above; its f32 rounding is right but for ties. */
export function exp64(x: f64): f64 {
  if (!(x > -700)) return x !== x ? x : 0;
  if (x > 700) return Infinity;
  const n = nearest(x * 1.4426950408889634);
  const r = x - n * 6.9314718036912381649e-1 - n * 1.90821492927058770002e-10;
  // The Taylor series to the 13th power, for |r| ≤ ln 2/2.
  let sum: f64 = 1.0 / 6227020800.0;
  sum = sum * r + 1.0 / 479001600.0;
  sum = sum * r + 1.0 / 39916800.0;
  sum = sum * r + 1.0 / 3628800.0;
  sum = sum * r + 1.0 / 362880.0;
  sum = sum * r + 1.0 / 40320.0;
  sum = sum * r + 1.0 / 5040.0;
  sum = sum * r + 1.0 / 720.0;
  sum = sum * r + 1.0 / 120.0;
  sum = sum * r + 1.0 / 24.0;
  sum = sum * r + 1.0 / 6.0;
  sum = sum * r + 0.5;
  sum = sum * r + 1;
  sum = sum * r + 1;
  return sum * reinterpret<f64>((<i64>n + 1023) << 52);
}

/** ln x in f64 for x = 0 or a normal number: x = 2ⁿ·m, m in [√½, √2), and 2·artanh((m − 1)/(m + 1)). */
export function log64(x: f64): f64 {
  if (!(x > 0)) return x == 0 ? -Infinity : NaN;
  if (x == Infinity) return x;
  const steps = reinterpret<i64>(x) - 0x3fe6a09e667f3bcd;
  const n = <f64>(steps >> 52);
  const m = reinterpret<f64>((steps & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd);
  const t = (m - 1) / (m + 1);
  const q = t * t;
  let sum: f64 = 1.0 / 23.0;
  sum = sum * q + 1.0 / 21.0;
  sum = sum * q + 1.0 / 19.0;
  sum = sum * q + 1.0 / 17.0;
  sum = sum * q + 1.0 / 15.0;
  sum = sum * q + 1.0 / 13.0;
  sum = sum * q + 1.0 / 11.0;
  sum = sum * q + 1.0 / 9.0;
  sum = sum * q + 1.0 / 7.0;
  sum = sum * q + 1.0 / 5.0;
  sum = sum * q + 1.0 / 3.0;
  return n * 6.9314718036912381649e-1 + (2 * t * (1 + q * sum) + n * 1.90821492927058770002e-10);
}

/**
 * a^b = e^(b·ln |a|) in f64, with the cases of IEEE 754: 1 to any power is 1, also to NaN, as −1 to ±∞. The relative
 * error is 1e-15·(1 + |b·ln a|): none that shows in f32.
 */
export function power(a: f64, b: f64): f64 {
  if (b == 0 || a == 1) return 1;
  if (b !== b || a !== a) return NaN;
  const whole = nearest(b) == b;
  const odd = whole && abs(b) < 9007199254740992 && (<i64>b & 1) != 0;
  if (a < 0 && !whole && a > -Infinity) return NaN;
  const size = abs(a);
  if (size == 1 && abs(b) == Infinity) return 1;
  const magnitude = exp64(b * log64(size));
  return odd ? copysign(magnitude, a) : magnitude;
}
