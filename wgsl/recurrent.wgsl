// One step of a recurrence for every row and every value of its state; what h gives to the gates, `inner`, is a product
// that stands before it. h and c are the state between steps.
fn is_real(step: u32, row: u32) -> bool {
  if (HAS_mask) { return !is_zero(mask[step * p.rows + row]); }
  return true;
}

//# kernel lstmStep
//# uses elementary
//# reads gates: f32
//# reads inner: f32
//# reads mask?: f32
//# writes states: f32
//# writes activated: f32
//# writes h: f32
//# writes c: f32
//# ints step steps rows width
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.rows * p.width) { return; }
  let row = i / p.width;
  let at = row * 4u * p.width + i % p.width;
  let place = p.step * p.rows * 4u * p.width + at;
  let w = p.width;
  let input = sigmoid_of(gates[place] + inner[at]);
  let forget = sigmoid_of(gates[place + w] + inner[at + w]);
  let cell = tanh_of(gates[place + 2u * w] + inner[at + 2u * w]);
  let output = sigmoid_of(gates[place + 3u * w] + inner[at + 3u * w]);
  activated[place] = input;
  activated[place + w] = forget;
  activated[place + 2u * w] = cell;
  activated[place + 3u * w] = output;
  if (is_real(p.step, row)) {
    let next = forget * c[i] + input * cell;
    c[i] = next;
    h[i] = output * tanh_of(next);
  }
  let size = p.rows * w;
  states[p.step * size + i] = h[i];
  states[(p.steps + p.step) * size + i] = c[i];
}

// `product` is what the step behind gives to dh through its gates; `carried` what it gives directly, then dc.
//# kernel lstmStepGradient
//# uses elementary
//# reads activated: f32
//# reads states: f32
//# reads mask?: f32
//# reads cell: f32
//# reads dstates: f32
//# reads product: f32
//# writes carried: f32
//# writes slopes: f32
//# ints step before steps rows width
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  let w = p.width;
  let size = p.rows * w;
  if (i >= size) { return; }
  let row = i / w;
  let at = row * 4u * w + i % w;
  let place = p.step * p.rows * 4u * w + at;
  let dh = product[i] + carried[i] + dstates[p.step * size + i];
  let dc = carried[size + i] + dstates[(p.steps + p.step) * size + i];
  var old = 0.0;
  if (p.before == 0xffffffffu) { old = cell[i]; } else { old = states[(p.steps + p.before) * size + i]; }
  let bent = tanh_of(states[(p.steps + p.step) * size + i]);
  let input = activated[place];
  let forget = activated[place + w];
  let g = activated[place + 2u * w];
  let output = activated[place + 3u * w];
  let whole = dc + dh * output * (1.0 - bent * bent);
  let real = is_real(p.step, row);
  slopes[at] = choose(0.0, whole * g * input * (1.0 - input), real);
  slopes[at + w] = choose(0.0, whole * old * forget * (1.0 - forget), real);
  slopes[at + 2u * w] = choose(0.0, whole * input * (1.0 - g * g), real);
  slopes[at + 3u * w] = choose(0.0, dh * bent * output * (1.0 - output), real);
  carried[i] = choose(dh, 0.0, real);
  carried[size + i] = choose(dc, whole * forget, real);
}

//# kernel gruStep
//# uses elementary
//# reads gates: f32
//# reads inner: f32
//# reads mask?: f32
//# writes states: f32
//# writes activated: f32
//# writes h: f32
//# ints step rows width
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  let w = p.width;
  if (i >= p.rows * w) { return; }
  let row = i / w;
  let at = row * 3u * w + i % w;
  let place = p.step * p.rows * 3u * w + at;
  let to = (p.step * p.rows + row) * 4u * w + i % w;
  let reset = sigmoid_of(gates[place] + inner[at]);
  let update = sigmoid_of(gates[place + w] + inner[at + w]);
  let own = inner[at + 2u * w];
  let next = tanh_of(gates[place + 2u * w] + reset * own);
  activated[to] = reset;
  activated[to + w] = update;
  activated[to + 2u * w] = next;
  activated[to + 3u * w] = own;
  if (is_real(p.step, row)) { h[i] = (1.0 - update) * next + update * h[i]; }
  states[p.step * p.rows * w + i] = h[i];
}

// `slopes` are those of weight * h + bias, then those of the gates.
//# kernel gruStepGradient
//# uses elementary
//# reads activated: f32
//# reads states: f32
//# reads mask?: f32
//# reads hidden: f32
//# reads dstates: f32
//# reads product: f32
//# writes carried: f32
//# writes slopes: f32
//# ints step before rows width
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  let w = p.width;
  let size = p.rows * w;
  if (i >= size) { return; }
  let row = i / w;
  let at = row * 3u * w + i % w;
  let place = (p.step * p.rows + row) * 4u * w + i % w;
  let dh = product[i] + carried[i] + dstates[p.step * size + i];
  var old = 0.0;
  if (p.before == 0xffffffffu) { old = hidden[i]; } else { old = states[p.before * size + i]; }
  let reset = activated[place];
  let update = activated[place + w];
  let next = activated[place + 2u * w];
  let own = activated[place + 3u * w];
  let real = is_real(p.step, row);
  let dn = choose(0.0, dh * (1.0 - update) * (1.0 - next * next), real);
  let dr = dn * own * reset * (1.0 - reset);
  let dz = choose(0.0, dh * (old - next) * update * (1.0 - update), real);
  slopes[at] = dr;
  slopes[at + w] = dz;
  slopes[at + 2u * w] = dn * reset;
  slopes[3u * size + at] = dr;
  slopes[3u * size + at + w] = dz;
  slopes[3u * size + at + 2u * w] = dn;
  carried[i] = choose(dh, dh * update, real);
}
