// Twin: src/backend/cpu/elementwise.ts.

/**
 * y[i] = x[i]·scale where the hash of (seed, i) is at least `threshold` (unsigned), else 0; units: lines. The hash:
 * h = i·0x9e3779b9 + seed; h = (h ^ h>>>16)·0x21f0aaad; h = (h ^ h>>>15)·0x735a2d97; h ^= h>>>15.
 */
export function dropout(x: usize, y: usize, scale: f32, threshold: i32, seed: i32, begin: i32, end: i32): void {
  const s = f32x4.splat(scale);
  const least = i32x4.splat(threshold);
  const factor1 = i32x4.splat(0x21f0aaad);
  const factor2 = i32x4.splat(0x735a2d97);
  const step = i32x4.splat(4 * 0x9e3779b9);
  let start = i32x4.add(
    i32x4.mul(i32x4.add(i32x4.splat(begin << 4), i32x4(0, 1, 2, 3)), i32x4.splat(0x9e3779b9)),
    i32x4.splat(seed),
  );
  const last = x + ((<usize>end) << 6);
  y += (<usize>begin) << 6;
  for (let at = x + ((<usize>begin) << 6); at < last; at += 16) {
    let h = start;
    h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 16)), factor1);
    h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 15)), factor2);
    h = v128.xor(h, i32x4.shr_u(h, 15));
    v128.store(y, v128.and(f32x4.mul(v128.load(at), s), i32x4.ge_u(h, least)));
    start = i32x4.add(start, step);
    y += 16;
  }
}
