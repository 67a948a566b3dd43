/**
 * Elementary functions from +, −, ×, ÷ and √ alone, which IEEE 754 fixes to the last bit. `Math.exp` and its like may
 * differ between engines, and equal seeds must give equal bits everywhere. Accuracy is a few units in the last place
 * of a float64.
 */

const ln2High = 0.6931471803691238;
const ln2Low = 1.9082149292705877e-10;
const words = new DataView(new ArrayBuffer(8));

/** 2^n for an integer −1022 ≤ n ≤ 1023. */
function powerOfTwo(n: number): number {
  words.setUint32(0, (n + 1023) << 20);
  words.setUint32(4, 0);
  return words.getFloat64(0);
}

/** What rounding took from the product: a·b − p, where p is a·b rounded; for factors within the range of f32. */
function productError(a: number, b: number, p: number): number {
  const aHigh = Math.fround(a);
  const bHigh = Math.fround(b);
  return aHigh * bHigh - p + aHigh * (b - bHigh) + (a - aHigh) * bHigh + (a - aHigh) * (b - bHigh);
}

/** eˣ: x = n·ln 2 + r with |r| ≤ ln 2 / 2, then the Taylor series of e^r to the 13th power. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.782712893384) return Number.POSITIVE_INFINITY;
  if (x < -745.1332191019411) return 0;
  const n = Math.round(x / (ln2High + ln2Low));
  const r = x - n * ln2High - n * ln2Low;
  let sum = 1;
  for (let k = 13; k >= 1; k--) sum = 1 + (r / k) * sum;
  // Two factors, so that subnormal results and results near the largest number are reached.
  const half = Math.trunc(n / 2);
  return sum * powerOfTwo(half) * powerOfTwo(n - half);
}

/**
 * ln x of a positive finite x as a sum [high, low] of about 60 bits: x = 2ⁿ·m with m in [√½, √2), then
 * ln m = 2·artanh t with t = (m − 1) / (m + 1).
 */
function logParts(x: number): [number, number] {
  const isSubnormal = x < 2.2250738585072014e-308;
  words.setFloat64(0, isSubnormal ? x * 2 ** 54 : x);
  const top = words.getUint32(0);
  words.setUint32(0, (top & 0xfffff) | 0x3ff00000);
  let m = words.getFloat64(0);
  let n = (top >>> 20) - 1023 - (isSubnormal ? 54 : 0);
  if (m > Math.SQRT2) {
    m *= 0.5;
    n += 1;
  }
  const divisor = m + 1;
  const t = (m - 1) / divisor;
  const product = t * divisor;
  const remainder = m - 1 - product - productError(t, divisor, product) - t * (m - (divisor - 1));
  const square = t * t;
  let tail = 0;
  for (let k = 23; k >= 3; k -= 2) tail = (tail + 1 / k) * square;
  const first = n * ln2High;
  const sum = first + 2 * t;
  // |first| > |2t| unless it is 0, so the rounding error of the sum is this difference.
  const rest = 2 * t - (sum - first) + (n * ln2Low + 2 * (t * tail + remainder / divisor));
  const high = sum + rest;
  return [high, rest - (high - sum)];
}

/** ln x */
export function log(x: number): number {
  if (Number.isNaN(x) || x < 0) return Number.NaN;
  if (x === 0) return Number.NEGATIVE_INFINITY;
  if (x === Number.POSITIVE_INFINITY) return x;
  return logParts(x)[0];
}

/** e^x − 1, without the cancellation near 0. */
export function expm1(x: number): number {
  if (Math.abs(x) > 0.5) return exp(x) - 1;
  let sum = 1;
  for (let k = 16; k >= 2; k--) sum = 1 + (x / k) * sum;
  return x * sum;
}

/** ln(1 + x), without the cancellation near 0. */
export function log1p(x: number): number {
  const u = 1 + x;
  if (u === 1) return x;
  if (u <= 0 || u === Number.POSITIVE_INFINITY) return log(u);
  // The rounding error of 1 + x is x − (u − 1); its effect on the logarithm is that over u.
  return log(u) + (x - (u - 1)) / u;
}

/** tanh x = (e^2x − 1) / (e^2x + 1). */
export function tanh(x: number): number {
  if (Math.abs(x) > 22) return Math.sign(x);
  const t = expm1(2 * x);
  return t / (t + 2);
}

/** 1 / (1 + e^−x), accurate in both tails. */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + exp(-x));
  const e = exp(x);
  return e / (1 + e);
}

/**
 * The error function erf x = 2/√π · ∫₀ˣ e^(−t²) dt: its Maclaurin series up to |x| = 1, one minus its complement
 * beyond.
 */
export function erf(x: number): number {
  if (!(Math.abs(x) < 1)) return x > 0 ? 1 - erfc(x) : erfc(-x) - 1;
  let power = 1;
  let sum = 1;
  for (let n = 1; n <= 20; n++) {
    power *= (-x * x) / n;
    sum += power / (2 * n + 1);
  }
  return 1.1283791670955126 * x * sum; // 2/√π
}

/** 1 − erf x, accurate in its tail: a continued fraction from x = 1. */
export function erfc(x: number): number {
  if (x < 1) return 1 - erf(x);
  if (x > 28) return 0;
  let fraction = x;
  for (let n = Math.ceil(10 + 200 / (x * x)); n >= 1; n--) fraction = x + n / 2 / fraction;
  // e^(−x²) with the square in two parts, since exp would magnify its rounding error.
  const high = Math.fround(x);
  return (0.5641895835477563 * exp(-high * high) * exp((high - x) * (high + x))) / fraction; // 1/√π
}

/** Beyond this, multiples of π/2 are taken off by {@link farQuarters}. */
const farthest = 100000;

/** 2/π in parts of 24 bits. */
const twoOverPi = [
  ...[0xa2f983, 0x6e4e44, 0x1529fc, 0x2757d1, 0xf534dd, 0xc0db62, 0x95993c, 0x439041, 0xfe5163, 0xabdebb, 0xc561b7],
];

/** |x| = quarters·π/2 + rest with |rest| ≤ π/4: a multiple of π/2 in three parts is taken off. */
function nearQuarters(a: number): [quarters: number, rest: number] {
  const n = Math.round(a * 0.6366197723675814);
  return [n, a - n * 1.5707963267341256 - n * 6.077100506303966e-11 - n * 2.0222662487959506e-21];
}

/**
 * As {@link nearQuarters}, for a float32 of any size (Payne & Hanek 1983): |x| = m·2ᵉ with a whole m below 2²⁴, and the
 * products of m with parts of 2/π, of which whole turns are left out, are exact. Five parts leave an error of 2⁻⁷¹ of a
 * quarter turn.
 */
function farQuarters(a: number): [quarters: number, rest: number] {
  words.setFloat32(0, a);
  const bits = words.getUint32(0);
  const m = (bits & 0x7fffff) | 0x800000;
  const e = (bits >>> 23) - 150;
  const first = Math.max(0, Math.trunc((e + 22) / 24) - 1);
  let quarters = 0;
  let f = 0;
  for (let k = first; k < first + 5; k++) {
    const part = m * twoOverPi[k] * powerOfTwo(e - 24 * (k + 1));
    f += part - 4 * Math.floor(part / 4);
    const whole = Math.round(f);
    quarters += whole;
    f -= whole;
  }
  return [quarters, f * (Math.PI / 2)];
}

/** sin(|x| + `more`·π/2) by the Taylor series of cosine or sine. */
function circular(x: number, more: number): number {
  if (!Number.isFinite(x)) return Number.NaN;
  const a = Math.abs(x);
  const [quarters, r] = a > farthest ? farQuarters(a) : nearQuarters(a);
  const n = quarters + more;
  const odd = n % 2 === 0 ? 1 : 0;
  const square = r * r;
  let sum = 1;
  for (let k = 20 + odd; k >= 2 + odd; k -= 2) sum = 1 - (square / (k * (k - 1))) * sum;
  const value = odd === 1 ? r * sum : sum;
  return n % 4 >= 2 ? -value : value;
}

/** cos x of a float32, or of any |x| ≤ 10⁵. */
export function cos(x: number): number {
  return circular(x, 1);
}

/** sin x of a float32, or of any |x| ≤ 10⁵. */
export function sin(x: number): number {
  if (x === 0) return x;
  const value = circular(x, 0);
  return x < 0 ? -value : value;
}

/** x·tanh(ln(1 + eˣ)) = x·n/(n + 2) with n = eˣ·(eˣ + 2); its limit 0 far below 0. */
export function mish(x: number): number {
  const w = exp(Math.min(x, 40));
  const n = w * (w + 2);
  return Math.max(x, -1000) * (n / (n + 2));
}

/** base^exponent as e^(exponent · ln |base|), the logarithm in two parts, with the cases of `Math.pow`. */
export function pow(base: number, exponent: number): number {
  if (exponent === 0) return 1;
  if (exponent === 1) return base;
  if (exponent === 2) return base * base;
  if (exponent === -1) return 1 / base;
  const a = Math.abs(base);
  if (a === 1 && (base === 1 || Math.abs(exponent) === Number.POSITIVE_INFINITY)) return 1;
  if (base < 0 && a < Number.POSITIVE_INFINITY && exponent % 1 !== 0 && Number.isFinite(exponent)) return Number.NaN;
  const sign = Math.abs(exponent % 2) === 1 && (base < 0 || Object.is(base, -0)) ? -1 : 1;
  if (exponent === 0.5) return Math.sqrt(a);
  // 1, and what comes of 0, ∞ and NaN, needs no second part.
  const product = exponent * log(a);
  if (product === 0 || !(Math.abs(product) < 800)) return sign * exp(product);
  const [high, low] = logParts(a);
  const result = exp(product);
  if (result === Number.POSITIVE_INFINITY) return sign * result;
  return sign * (result + result * (productError(exponent, high, product) + exponent * low));
}
