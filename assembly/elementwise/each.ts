// How functions of one value go along a block. x and y are whole blocks, a unit is a line of 16 values (64 bytes), and
// the last line is done to its end.

/** y[i] = the value of F at x[i]. */
// @inline
export function forEach<F>(x: usize, y: usize, parameter: f32, begin: i32, end: i32): void {
  const p = f32x4.splat(parameter);
  const last = x + ((<usize>end) << 6);
  y += (<usize>begin) << 6;
  for (let at = x + ((<usize>begin) << 6); at < last; at += 16) {
    v128.store(y, changetype<F>(0).value(v128.load(at), p));
    y += 16;
  }
}

/** dx[i] = the gradient of F from dy[i] and saved[i]. */
// @inline
export function forEachGradient<F>(dy: usize, saved: usize, dx: usize, parameter: f32, begin: i32, end: i32): void {
  const p = f32x4.splat(parameter);
  const last = dy + ((<usize>end) << 6);
  saved += (<usize>begin) << 6;
  dx += (<usize>begin) << 6;
  for (let at = dy + ((<usize>begin) << 6); at < last; at += 16) {
    v128.store(dx, changetype<F>(0).gradient(v128.load(at), v128.load(saved), p));
    saved += 16;
    dx += 16;
  }
}
