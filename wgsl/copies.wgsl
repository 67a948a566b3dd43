//# kernel fill
//# writes y: vec4u
//# ints quads bits
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i < p.quads) { y[i] = vec4u(p.bits); }
}

//# kernel copyWalk
//# uses walk
//# reads x: u32
//# writes y: u32
//# ints length xOffset yOffset e1 e2 e3 e4 r0 r1 r2 r3 r4 s0 s1 s2 s3 s4
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.length) { return; }
  let at = walk(i);
  y[p.yOffset + at.y] = x[p.xOffset + at.x];
}

//# kernel dropout
//# reads x: f32
//# writes y: f32
//# ints length seed threshold
//# floats scale
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.length) { return; }
  var h = i * 0x9e3779b9u + p.seed;
  h = (h ^ (h >> 16u)) * 0x21f0aaadu;
  h = (h ^ (h >> 15u)) * 0x735a2d97u;
  h = h ^ (h >> 15u);
  y[i] = choose(0.0, x[i] / p.scale, h >= p.threshold);
}
