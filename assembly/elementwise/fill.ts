// Twin: src/backend/cpu/elementwise.ts.

/** y[i] = value; units: lines. */
export function fill(y: usize, value: f32, begin: i32, end: i32): void {
  const v = f32x4.splat(value);
  const last = y + ((<usize>end) << 6);
  for (let at = y + ((<usize>begin) << 6); at < last; at += 32) {
    v128.store(at, v);
    v128.store(at, v, 16);
  }
}
