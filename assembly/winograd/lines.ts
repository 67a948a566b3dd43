// The one-dimensional maps of Winograd's minimal filtering (Winograd 1980; Lavin & Gray 2016, arXiv:1509.09308), on
// four lanes at a time: m results y[i] = Σₖ g[k]·d[i + k] of a filter of three, from m + 2 values, as y = Aᵀ((G g) ⊙
// (Bᵀ d)), with m + 2 products where the sum has 3·m. In two dimensions each map runs along its axis. F(2, 3) has the
// points 0, ±1, ∞; F(4, 3) 0, ±5/8, ±3/2, ∞; F(3, 3) ±3/8, ±5/4, ∞. All factors but those of G (winograd/filter.ts) are
// exact in f32, and so chosen that errors grow least (docs/numerics.md).
//
// A line's vectors are `fromStep` and `toStep` bytes apart, lines `fromNext` and `toNext`. Factors are read from a
// table, since engines build splatted constants anew each time.

/** The points of F(4, 3). */
export const a: f64 = 0.625;
export const b: f64 = 1.5;
/** Those of F(3, 3). */
export const a3: f64 = 0.375;
export const b3: f64 = 1.25;

/** Bytes of a table of factors: a, b, their squares and cubes, a²·b² and a² + b², each as a vector. */
export const factorBytes: usize = 128;

/** Writes the table of factors of F(4, 3), or of F(3, 3). */
export function writeFactors(factors: usize, a: f64, b: f64): void {
  v128.store(factors, f32x4.splat(<f32>a));
  v128.store(factors, f32x4.splat(<f32>b), 16);
  v128.store(factors, f32x4.splat(<f32>(a * a)), 32);
  v128.store(factors, f32x4.splat(<f32>(b * b)), 48);
  v128.store(factors, f32x4.splat(<f32>(a * a * a)), 64);
  v128.store(factors, f32x4.splat(<f32>(b * b * b)), 80);
  v128.store(factors, f32x4.splat(<f32>(a * a * b * b)), 96);
  v128.store(factors, f32x4.splat(<f32>(a * a + b * b)), 112);
}

/** to = Bᵀ d of F(4, 3), 6 → 6. */
// @inline
export function inputLine(
  factors: usize,
  d0: v128,
  d1: v128,
  d2: v128,
  d3: v128,
  d4: v128,
  d5: v128,
  to: usize,
  toStep: usize,
): void {
  const a2 = v128.load(factors, 32);
  const b2 = v128.load(factors, 48);
  let even = f32x4.sub(d4, f32x4.mul(b2, d2));
  let odd = f32x4.mul(v128.load(factors), f32x4.sub(d3, f32x4.mul(b2, d1)));
  v128.store(to + toStep, f32x4.add(even, odd));
  v128.store(to + 2 * toStep, f32x4.sub(even, odd));
  even = f32x4.sub(d4, f32x4.mul(a2, d2));
  odd = f32x4.mul(v128.load(factors, 16), f32x4.sub(d3, f32x4.mul(a2, d1)));
  v128.store(to + 3 * toStep, f32x4.add(even, odd));
  v128.store(to + 4 * toStep, f32x4.sub(even, odd));
  const product = v128.load(factors, 96);
  const sum = v128.load(factors, 112);
  v128.store(to, f32x4.add(f32x4.sub(f32x4.mul(product, d0), f32x4.mul(sum, d2)), d4));
  v128.store(to + 5 * toStep, f32x4.add(f32x4.sub(f32x4.mul(product, d1), f32x4.mul(sum, d3)), d5));
}

/** to = Bᵀ from of F(3, 3), 5 → 5, for `count` lines. */
// @inline
export function inputTriples(
  factors: usize,
  count: usize,
  from: usize,
  fromNext: usize,
  fromStep: usize,
  to: usize,
  toNext: usize,
  toStep: usize,
): void {
  const a1 = v128.load(factors);
  const b1 = v128.load(factors, 16);
  const a2 = v128.load(factors, 32);
  const b2 = v128.load(factors, 48);
  const product = v128.load(factors, 96);
  const sum = v128.load(factors, 112);
  const end = from + count * fromNext;
  for (; from < end; from += fromNext) {
    const d0 = v128.load(from);
    const d1 = v128.load(from + fromStep);
    const d2 = v128.load(from + 2 * fromStep);
    const d3 = v128.load(from + 3 * fromStep);
    const d4 = v128.load(from + 4 * fromStep);
    let odd = f32x4.sub(d3, f32x4.mul(b2, d1));
    let even = f32x4.mul(a1, f32x4.sub(d2, f32x4.mul(b2, d0)));
    v128.store(to, f32x4.add(odd, even));
    v128.store(to + toStep, f32x4.sub(odd, even));
    odd = f32x4.sub(d3, f32x4.mul(a2, d1));
    even = f32x4.mul(b1, f32x4.sub(d2, f32x4.mul(a2, d0)));
    v128.store(to + 2 * toStep, f32x4.add(odd, even));
    v128.store(to + 3 * toStep, f32x4.sub(odd, even));
    v128.store(to + 4 * toStep, f32x4.add(f32x4.sub(f32x4.mul(product, d0), f32x4.mul(sum, d2)), d4));
    to += toNext;
  }
}
