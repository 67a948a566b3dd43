// Convolutions as matrix products whose B is never laid out (implicit GEMM), and direct ones where a group has few
// channels. Places of a window: input row = oy * sy - py + ky * ey, and likewise for columns.

//# kernel conv
//# uses tile window
//# reads x: f32
//# reads weight: f32
//# reads bias?: f32
//# writes y: f32
//# ints m n k inChannels height width outChannels outHeight outWidth kh kw sy sx py px ey ex inPerGroup
//# constants BM BN A_BY_COLUMNS B_BY_COLUMNS
var<private> part: u32;
fn a_at(row: u32, k: u32) -> f32 { return weight[(part * p.m + row) * p.k + k]; }
fn b_at(k: u32, column: u32) -> f32 {
  let plane = p.outHeight * p.outWidth;
  let taps = p.kh * p.kw;
  let channel = (column / plane) * p.inChannels + part * p.inPerGroup + k / taps;
  return x_under(channel, column % plane, k % taps);
}
fn c_put(row: u32, column: u32, value: f32) {
  let plane = p.outHeight * p.outWidth;
  let channel = part * p.m + row;
  var v = value;
  if (HAS_bias) { v += bias[channel]; }
  y[((column / plane) * p.outChannels + channel) * plane + column % plane] = v;
}
fn run(group: u32, lane: u32) {
  let place = place_of(group, p.m, p.n);
  part = place.rest;
  let sums = multiply(place.row0, place.column0, p.m, p.n, 0u, p.k, lane);
  put_all(sums, place.row0, place.column0, p.m, p.n, lane);
}

// dx: rows are input channels of a group, columns places of x, and K is output channels and taps.
//# kernel convInputGradient
//# uses tile
//# reads dy: f32
//# reads weight: f32
//# writes dx: f32
//# ints m n k inChannels height width outChannels outHeight outWidth kh kw sy sx py px ey ex outPerGroup
//# constants BM BN A_BY_COLUMNS B_BY_COLUMNS
var<private> part: u32;
fn a_at(row: u32, k: u32) -> f32 {
  let taps = p.kh * p.kw;
  return weight[((part * p.outPerGroup + k / taps) * p.m + row) * taps + k % taps];
}
fn b_at(k: u32, column: u32) -> f32 {
  let plane = p.height * p.width;
  let at = column % plane;
  let tap = k % (p.kh * p.kw);
  let ty = at / p.width + p.py - (tap / p.kw) * p.ey;
  let tx = at % p.width + p.px - (tap % p.kw) * p.ex;
  let oy = ty / p.sy;
  let ox = tx / p.sx;
  if (ty >= 0x80000000u || tx >= 0x80000000u || oy * p.sy != ty || ox * p.sx != tx) { return 0.0; }
  if (oy >= p.outHeight || ox >= p.outWidth) { return 0.0; }
  let channel = (column / plane) * p.outChannels + part * p.outPerGroup + k / (p.kh * p.kw);
  return dy[(channel * p.outHeight + oy) * p.outWidth + ox];
}
fn c_put(row: u32, column: u32, value: f32) {
  let plane = p.height * p.width;
  dx[((column / plane) * p.inChannels + part * p.m + row) * plane + column % plane] = value;
}
fn run(group: u32, lane: u32) {
  let place = place_of(group, p.m, p.n);
  part = place.rest;
  let sums = multiply(place.row0, place.column0, p.m, p.n, 0u, p.k, lane);
  put_all(sums, place.row0, place.column0, p.m, p.n, lane);
}

// dweight: rows are output channels of a group, columns its input channels and taps, and K places of y in all images,
// in pieces.
//# kernel convWeightGradient
//# uses tile window
//# reads dy: f32
//# reads x: f32
//# writes dweight: f32
//# ints m n k size groupsOfChannels inChannels height width outChannels outHeight outWidth
//# ints kh kw sy sx py px ey ex inPerGroup
//# constants BM BN A_BY_COLUMNS B_BY_COLUMNS
var<private> part: u32;
var<private> start: u32;
fn a_at(row: u32, k: u32) -> f32 {
  let plane = p.outHeight * p.outWidth;
  return dy[((k / plane) * p.outChannels + part * p.m + row) * plane + k % plane];
}
fn b_at(k: u32, column: u32) -> f32 {
  let plane = p.outHeight * p.outWidth;
  let taps = p.kh * p.kw;
  let channel = (k / plane) * p.inChannels + part * p.inPerGroup + column / taps;
  return x_under(channel, k % plane, column % taps);
}
fn c_put(row: u32, column: u32, value: f32) { dweight[start + row * p.n + column] = value; }
fn run(group: u32, lane: u32) {
  let place = place_of(group, p.m, p.n);
  part = place.rest % p.groupsOfChannels;
  let piece = place.rest / p.groupsOfChannels;
  start = place.rest * p.m * p.n;
  let sums = multiply(place.row0, place.column0, p.m, p.n, piece * p.size, min(p.k, (piece + 1u) * p.size), lane);
  put_all(sums, place.row0, place.column0, p.m, p.n, lane);
}

// The same three for groups of few channels: a lane makes one value.

//# kernel convDirect
//# reads x: f32
//# reads weight: f32
//# reads bias?: f32
//# writes y: f32
//# ints length inChannels height width outChannels outHeight outWidth kh kw sy sx py px ey ex inPerGroup outPerGroup
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.length) { return; }
  let ox = i % p.outWidth;
  let oy = (i / p.outWidth) % p.outHeight;
  let o = (i / (p.outWidth * p.outHeight)) % p.outChannels;
  let n = i / (p.outWidth * p.outHeight * p.outChannels);
  var sum = 0.0;
  for (var c = 0u; c < p.inPerGroup; c++) {
    let channel = n * p.inChannels + (o / p.outPerGroup) * p.inPerGroup + c;
    for (var ky = 0u; ky < p.kh; ky++) {
      let iy = oy * p.sy + ky * p.ey - p.py;
      if (iy >= p.height) { continue; }
      for (var kx = 0u; kx < p.kw; kx++) {
        let ix = ox * p.sx + kx * p.ex - p.px;
        if (ix >= p.width) { continue; }
        sum += x[(channel * p.height + iy) * p.width + ix] * weight[((o * p.inPerGroup + c) * p.kh + ky) * p.kw + kx];
      }
    }
  }
  if (HAS_bias) { sum += bias[o]; }
  y[i] = sum;
}

//# kernel convInputGradientDirect
//# reads dy: f32
//# reads weight: f32
//# writes dx: f32
//# ints length inChannels height width outChannels outHeight outWidth kh kw sy sx py px ey ex inPerGroup outPerGroup
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.length) { return; }
  let ix = i % p.width;
  let iy = (i / p.width) % p.height;
  let c = (i / (p.width * p.height)) % p.inChannels;
  let n = i / (p.width * p.height * p.inChannels);
  let part = c / p.inPerGroup;
  var sum = 0.0;
  for (var j = 0u; j < p.outPerGroup; j++) {
    let o = part * p.outPerGroup + j;
    for (var ky = 0u; ky < p.kh; ky++) {
      let ty = iy + p.py - ky * p.ey;
      let oy = ty / p.sy;
      if (ty >= 0x80000000u || oy * p.sy != ty || oy >= p.outHeight) { continue; }
      for (var kx = 0u; kx < p.kw; kx++) {
        let tx = ix + p.px - kx * p.ex;
        let ox = tx / p.sx;
        if (tx >= 0x80000000u || ox * p.sx != tx || ox >= p.outWidth) { continue; }
        let tap = ((o * p.inPerGroup + c % p.inPerGroup) * p.kh + ky) * p.kw + kx;
        sum += dy[((n * p.outChannels + o) * p.outHeight + oy) * p.outWidth + ox] * weight[tap];
      }
    }
  }
  dx[i] = sum;
}

// A workgroup makes one value of dweight.
//# kernel convWeightGradientDirect
//# uses tree
//# reads dy: f32
//# reads x: f32
//# writes dweight: f32
//# ints batch inChannels height width outChannels outHeight outWidth kh kw sy sx py px ey ex inPerGroup outPerGroup
//# constants LX LY
fn run(group: u32, lane: u32) {
  let kx = group % p.kw;
  let ky = (group / p.kw) % p.kh;
  let c = (group / (p.kw * p.kh)) % p.inPerGroup;
  let o = group / (p.kw * p.kh * p.inPerGroup);
  let plane = p.outHeight * p.outWidth;
  var sum = vec2f();
  for (var k = lane; k < p.batch * plane; k += SIZE) {
    let at = k % plane;
    let n = k / plane;
    let iy = (at / p.outWidth) * p.sy + ky * p.ey - p.py;
    let ix = (at % p.outWidth) * p.sx + kx * p.ex - p.px;
    if (iy < p.height && ix < p.width) {
      let channel = n * p.inChannels + (o / p.outPerGroup) * p.inPerGroup + c;
      sum = add_to(sum, dy[(n * p.outChannels + o) * plane + at] * x[(channel * p.height + iy) * p.width + ix]);
    }
  }
  sum = tree_sum(sum, lane);
  if (lane == 0u) { dweight[group] = total(sum); }
}
