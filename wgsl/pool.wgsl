// Windows over planes. The gradients are gathered: each value of x asks the windows that reach it, in their order.

//# kernel maxPool
//# reads x: f32
//# writes y: f32
//# writes indices: i32
//# ints length height width outHeight outWidth kh kw sy sx py px
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.length) { return; }
  let top = ((i / p.outWidth) % p.outHeight) * p.sy;
  let left = (i % p.outWidth) * p.sx;
  let start = (i / (p.outWidth * p.outHeight)) * p.height * p.width;
  let bottom = min(top + p.kh, p.height + p.py);
  let right = min(left + p.kw, p.width + p.px);
  var best = 0u;
  var place = (max(top, p.py) - p.py) * p.width + max(left, p.px) - p.px;
  for (var a = max(top, p.py); a < bottom; a++) {
    for (var b = max(left, p.px); b < right; b++) {
      let at = (a - p.py) * p.width + (b - p.px);
      let own = key(x[start + at]);
      // Of several NaN the last, as PyTorch has it.
      if (own > best || own == 0xffffffffu) {
        best = own;
        place = at;
      }
    }
  }
  y[i] = x[start + place];
  indices[i] = i32(place);
}

//# kernel avgPool
//# reads x: f32
//# writes y: f32
//# ints length height width outHeight outWidth kh kw sy sx py px
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.length) { return; }
  let top = ((i / p.outWidth) % p.outHeight) * p.sy;
  let left = (i % p.outWidth) * p.sx;
  let start = (i / (p.outWidth * p.outHeight)) * p.height * p.width;
  let bottom = min(top + p.kh, p.height + p.py);
  let right = min(left + p.kw, p.width + p.px);
  var sum = vec2f();
  var count = 0.0;
  for (var a = max(top, p.py); a < bottom; a++) {
    for (var b = max(left, p.px); b < right; b++) {
      sum = add_to(sum, x[start + (a - p.py) * p.width + (b - p.px)]);
      count += 1.0;
    }
  }
  y[i] = total(sum) / count;
}

// The windows that reach a place lie from `first` to `last` along each axis. Of a maximum those count whose index it
// is, of a mean all, by their share.
//# kernel poolGradient
//# reads dy: f32
//# reads indices?: i32
//# writes dx: f32
//# ints length height width outHeight outWidth kh kw sy sx py px
fn size_of(begin: u32, kernelSize: u32, padding: u32, size: u32) -> f32 {
  return f32(min(begin + kernelSize, size + padding) - max(begin, padding));
}
fn first_of(at: u32, kernelSize: u32, stride: u32) -> u32 {
  return select(0u, (at - kernelSize) / stride + 1u, at >= kernelSize);
}
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.length) { return; }
  let column = i % p.width + p.px;
  let row = (i / p.width) % p.height + p.py;
  let place = i32(i % (p.width * p.height));
  let start = (i / (p.width * p.height)) * p.outHeight * p.outWidth;
  var sum = 0.0;
  for (var oy = first_of(row, p.kh, p.sy); oy < min(row / p.sy + 1u, p.outHeight); oy++) {
    for (var ox = first_of(column, p.kw, p.sx); ox < min(column / p.sx + 1u, p.outWidth); ox++) {
      let at = start + oy * p.outWidth + ox;
      if (HAS_indices) {
        if (indices[at] == place) { sum += dy[at]; }
      } else {
        sum += dy[at] / (size_of(oy * p.sy, p.kh, p.py, p.height) * size_of(ox * p.sx, p.kw, p.px, p.width));
      }
    }
  }
  dx[i] = sum;
}
