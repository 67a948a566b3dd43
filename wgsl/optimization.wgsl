// Steps of optimisers over slabs: a workgroup takes one entry of a table, (first value, how many, weight decay), of at
// most 1024 values.
fn decay_of(entry: vec4u) -> f32 { return bitcast<f32>(entry.z); }
// What multiplies gradients, and whether the step is to be taken.
fn is_shut() -> bool {
  if (HAS_gate) { return is_zero(gate[0].x); }
  return false;
}
fn scale_of() -> f32 {
  if (HAS_gate) { return p.scale * (gate[1].x + gate[1].y); }
  return p.scale;
}

//# kernel sgd
//# reads table: vec4u
//# reads gradients: f32
//# reads gate?: vec2f
//# writes parameters: f32
//# writes velocities?: f32
//# floats scale lr momentum
//# constants NESTEROV FIRST
fn run(group: u32, lane: u32) {
  if (is_shut()) { return; }
  let entry = table[group];
  let scale = scale_of();
  let decay = decay_of(entry);
  for (var j = lane; j < entry.y; j += SIZE) {
    let i = entry.x + j;
    let before = parameters[i];
    var g = opaque(scale * gradients[i]);
    if (decay != 0.0) { g += decay * before; }
    if (HAS_velocities) {
      var v = g;
      if (!FIRST) { v += p.momentum * velocities[i]; }
      velocities[i] = v;
      if (NESTEROV) { g += p.momentum * v; } else { g = v; }
    }
    parameters[i] = before - p.lr * g;
  }
}

//# kernel adam
//# reads table: vec4u
//# reads gradients: f32
//# reads gate?: vec2f
//# writes parameters: f32
//# writes firsts: f32
//# writes seconds: f32
//# floats scale beta1 rest1 beta2 rest2 stepSize inverse2 eps lr
//# constants DECOUPLED
fn run(group: u32, lane: u32) {
  if (is_shut()) { return; }
  let entry = table[group];
  let scale = scale_of();
  let decay = decay_of(entry);
  for (var j = lane; j < entry.y; j += SIZE) {
    let i = entry.x + j;
    var before = parameters[i];
    var g = opaque(scale * gradients[i]);
    if (decay != 0.0) {
      if (DECOUPLED) { before -= p.lr * decay * before; } else { g += decay * before; }
    }
    let m = p.beta1 * firsts[i] + p.rest1 * g;
    let v = p.beta2 * seconds[i] + p.rest2 * g * g;
    firsts[i] = m;
    seconds[i] = v;
    parameters[i] = before - p.stepSize * m / (sqrt(v * p.inverse2) + p.eps);
  }
}

