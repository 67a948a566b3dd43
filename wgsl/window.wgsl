// The value of a plane of x under a tap of the window that makes a place of y; 0 beside the plane.
fn x_under(channel: u32, place: u32, tap: u32) -> f32 {
  // Before the first row and column they wrap around, and are larger than any size.
  let iy = (place / p.outWidth) * p.sy + (tap / p.kw) * p.ey - p.py;
  let ix = (place % p.outWidth) * p.sx + (tap % p.kw) * p.ex - p.px;
  if (iy >= p.height || ix >= p.width) { return 0.0; }
  return x[(channel * p.height + iy) * p.width + ix];
}
