// The maps of Winograd's filters, G, and their transposes (see winograd/lines.ts), in f64: for two filters at a time,
// one to a lane. The row of a point p is (1, p, p²)/d, d the product of its distances to the other points; that of ∞ is
// (0, 0, 1).
import { a, a3, b, b3 } from "./lines";

/** Bytes of a table of factors. */
export const filterBytes: usize = 112;
/** Bytes of a line of six vectors, and of the three such lines that a filter's columns become. */
export const filterLineBytes: usize = 96;
export const filterLinesBytes: usize = 3 * filterLineBytes;

/**
 * Writes the table of factors of F(4, 3), a vector each: those of 0, and three each of a and b; −a and −b differ in a
 * sign.
 */
export function writeFilterFactors(table: usize): void {
  v128.store(table, f64x2.splat(1 / (a * a * b * b)));
  writePoint(table + 16, a, 1 / (2 * a * a * (a * a - b * b)));
  writePoint(table + 64, b, 1 / (2 * b * b * (b * b - a * a)));
}

/** The same for F(3, 3), whose points are without 0. */
export function writeTripleFactors(table: usize): void {
  writePoint(table + 16, a3, 1 / (2 * a3 * (a3 * a3 - b3 * b3)));
  writePoint(table + 64, b3, 1 / (2 * b3 * (b3 * b3 - a3 * a3)));
}

function writePoint(table: usize, point: f64, share: f64): void {
  v128.store(table, f64x2.splat(share));
  v128.store(table, f64x2.splat(point * share), 16);
  v128.store(table, f64x2.splat(point * point * share), 32);
}

/** to = G from of F(4, 3), 3 → 6. */
// @inline
export function filterLine(table: usize, g0: v128, g1: v128, g2: v128, to: usize, toStep: usize): void {
  v128.store(to, f64x2.mul(v128.load(table), g0));
  let even = f64x2.add(f64x2.mul(v128.load(table, 16), g0), f64x2.mul(v128.load(table, 48), g2));
  let odd = f64x2.mul(v128.load(table, 32), g1);
  v128.store(to + toStep, f64x2.add(even, odd));
  v128.store(to + 2 * toStep, f64x2.sub(even, odd));
  even = f64x2.add(f64x2.mul(v128.load(table, 64), g0), f64x2.mul(v128.load(table, 96), g2));
  odd = f64x2.mul(v128.load(table, 80), g1);
  v128.store(to + 3 * toStep, f64x2.add(even, odd));
  v128.store(to + 4 * toStep, f64x2.sub(even, odd));
  v128.store(to + 5 * toStep, g2);
}

/** to = G from of F(3, 3), 3 → 5. */
// @inline
export function filterTriple(table: usize, g0: v128, g1: v128, g2: v128, to: usize, toStep: usize): void {
  let even = f64x2.add(f64x2.mul(v128.load(table, 16), g0), f64x2.mul(v128.load(table, 48), g2));
  let odd = f64x2.mul(v128.load(table, 32), g1);
  v128.store(to, f64x2.add(odd, even));
  v128.store(to + toStep, f64x2.sub(odd, even));
  even = f64x2.add(f64x2.mul(v128.load(table, 64), g0), f64x2.mul(v128.load(table, 96), g2));
  odd = f64x2.mul(v128.load(table, 80), g1);
  v128.store(to + 2 * toStep, f64x2.add(odd, even));
  v128.store(to + 3 * toStep, f64x2.sub(odd, even));
  v128.store(to + 4 * toStep, g2);
}

/** to = G from of F(2, 3), 3 → 4. */
// @inline
export function filterPair(g0: v128, g1: v128, g2: v128, to: usize, toStep: usize): void {
  const half = f64x2.splat(0.5);
  const even = f64x2.mul(half, f64x2.add(g0, g2));
  const odd = f64x2.mul(half, g1);
  v128.store(to, g0);
  v128.store(to + toStep, f64x2.add(even, odd));
  v128.store(to + 2 * toStep, f64x2.sub(even, odd));
  v128.store(to + 3 * toStep, g2);
}

/** to = Gᵀ from of F(4, 3), 6 → 3. */
// @inline
export function filterGradientLine(table: usize, from: usize, fromStep: usize, to: usize, toStep: usize): void {
  const s1 = v128.load(from + fromStep);
  const s2 = v128.load(from + 2 * fromStep);
  const s3 = v128.load(from + 3 * fromStep);
  const s4 = v128.load(from + 4 * fromStep);
  const evenA = f64x2.add(s1, s2);
  const evenB = f64x2.add(s3, s4);
  const first = f64x2.add(f64x2.mul(v128.load(table, 16), evenA), f64x2.mul(v128.load(table, 64), evenB));
  v128.store(to, f64x2.add(f64x2.mul(v128.load(table), v128.load(from)), first));
  const second = f64x2.mul(v128.load(table, 32), f64x2.sub(s1, s2));
  v128.store(to + toStep, f64x2.add(second, f64x2.mul(v128.load(table, 80), f64x2.sub(s3, s4))));
  const third = f64x2.add(f64x2.mul(v128.load(table, 48), evenA), f64x2.mul(v128.load(table, 96), evenB));
  v128.store(to + 2 * toStep, f64x2.add(third, v128.load(from + 5 * fromStep)));
}

/** to = Gᵀ from of F(2, 3), 4 → 3. */
// @inline
export function filterGradientPair(from: usize, fromStep: usize, to: usize, toStep: usize): void {
  const half = f64x2.splat(0.5);
  const s1 = v128.load(from + fromStep);
  const s2 = v128.load(from + 2 * fromStep);
  const even = f64x2.mul(half, f64x2.add(s1, s2));
  v128.store(to, f64x2.add(v128.load(from), even));
  v128.store(to + toStep, f64x2.mul(half, f64x2.sub(s1, s2)));
  v128.store(to + 2 * toStep, f64x2.add(even, v128.load(from + 3 * fromStep)));
}

/** The values of two filters at an offset; 0 stands for a filter of zeros. */
// @inline
export function bothAt(g: usize, h: usize, offset: usize): v128 {
  return f64x2(<f64>load<f32>(g + offset), h ? <f64>load<f32>(h + offset) : 0);
}
