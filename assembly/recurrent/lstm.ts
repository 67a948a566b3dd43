// One time step of an LSTM and its gradient. Twin: src/backend/cpu/recurrences.ts. Units: rows. Gates of a row lie one
// after another, `width` values each: input, forget, cell, output.
import { sigmoid, tanh } from "../math/functions";
import { loadLanes, storeLanes } from "../math/lanes";

/** What a value of the state takes, forward and backward, in ns. */
export const lstmStepNs: f64 = 6.5;
export const lstmStepGradientNs: f64 = 2.5;

/**
 * `activated` = σ, σ, tanh, σ of gates + inner; cell = f·cellBefore + i·g, hidden = o·tanh(cell). Rows whose mask is 0
 * keep the state that they have; `mask` 0: no mask.
 */
export function lstmStep(
  gates: usize,
  inner: usize,
  cellBefore: usize,
  hiddenBefore: usize,
  mask: usize,
  activated: usize,
  cell: usize,
  hidden: usize,
  width: i32,
  begin: i32,
  end: i32,
): void {
  const zero = f32x4.splat(0);
  const gate = (<usize>width) << 2;
  for (let row = begin; row < end; row++) {
    const isReal = mask == 0 || load<f32>(mask + ((<usize>row) << 2)) != 0;
    const wide = <usize>row * 4 * gate;
    const narrow = <usize>row * gate;
    for (let k = 0; k < width; k += 4) {
      const n = min(4, width - k);
      const at = wide + ((<usize>k) << 2);
      const state = narrow + ((<usize>k) << 2);
      const from = gates + at;
      const within = inner + at;
      const to = activated + at;
      const i = sigmoid(f32x4.add(loadLanes(from, n, zero), loadLanes(within, n, zero)));
      const f = sigmoid(f32x4.add(loadLanes(from + gate, n, zero), loadLanes(within + gate, n, zero)));
      const g = tanh(f32x4.add(loadLanes(from + 2 * gate, n, zero), loadLanes(within + 2 * gate, n, zero)));
      const o = sigmoid(f32x4.add(loadLanes(from + 3 * gate, n, zero), loadLanes(within + 3 * gate, n, zero)));
      storeLanes(to, n, i);
      storeLanes(to + gate, n, f);
      storeLanes(to + 2 * gate, n, g);
      storeLanes(to + 3 * gate, n, o);
      const before = loadLanes(cellBefore + state, n, zero);
      if (isReal) {
        const c = f32x4.add(f32x4.mul(f, before), f32x4.mul(i, g));
        storeLanes(cell + state, n, c);
        storeLanes(hidden + state, n, f32x4.mul(o, tanh(c)));
      } else {
        storeLanes(cell + state, n, before);
        storeLanes(hidden + state, n, loadLanes(hiddenBefore + state, n, zero));
      }
    }
  }
}

/**
 * The gradient of {@link lstmStep}. dh and dc are those of the state behind the step, apart from `dhNext`, what comes
 * through the next step's product, and `dhidden` and `dcell`, what comes from outside; they become those of the state
 * before it, apart from what `dgates` will give.
 */
export function lstmStepGradient(
  activated: usize,
  cellBefore: usize,
  cell: usize,
  mask: usize,
  dhidden: usize,
  dcell: usize,
  dhNext: usize,
  dh: usize,
  dc: usize,
  dgates: usize,
  width: i32,
  begin: i32,
  end: i32,
): void {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const gate = (<usize>width) << 2;
  for (let row = begin; row < end; row++) {
    const isReal = mask == 0 || load<f32>(mask + ((<usize>row) << 2)) != 0;
    const wide = <usize>row * 4 * gate;
    const narrow = <usize>row * gate;
    for (let k = 0; k < width; k += 4) {
      const n = min(4, width - k);
      const at = wide + ((<usize>k) << 2);
      const state = narrow + ((<usize>k) << 2);
      const to = dgates + at;
      const through = f32x4.add(loadLanes(dh + state, n, zero), loadLanes(dhNext + state, n, zero));
      const slope = f32x4.add(through, loadLanes(dhidden + state, n, zero));
      const toCell = f32x4.add(loadLanes(dc + state, n, zero), loadLanes(dcell + state, n, zero));
      if (!isReal) {
        storeLanes(dh + state, n, slope);
        storeLanes(dc + state, n, toCell);
        for (let part: usize = 0; part < 4; part++) storeLanes(to + part * gate, n, zero);
        continue;
      }
      const from = activated + at;
      const i = loadLanes(from, n, zero);
      const f = loadLanes(from + gate, n, zero);
      const g = loadLanes(from + 2 * gate, n, zero);
      const o = loadLanes(from + 3 * gate, n, zero);
      const bent = tanh(loadLanes(cell + state, n, zero));
      const bend = f32x4.mul(f32x4.sub(one, bent), f32x4.add(one, bent));
      const whole = f32x4.add(toCell, f32x4.mul(f32x4.mul(slope, o), bend));
      const di = f32x4.mul(whole, g);
      const df = f32x4.mul(whole, loadLanes(cellBefore + state, n, zero));
      const dg = f32x4.mul(whole, i);
      const dout = f32x4.mul(slope, bent);
      storeLanes(to, n, f32x4.mul(di, f32x4.mul(i, f32x4.sub(one, i))));
      storeLanes(to + gate, n, f32x4.mul(df, f32x4.mul(f, f32x4.sub(one, f))));
      storeLanes(to + 2 * gate, n, f32x4.mul(dg, f32x4.mul(f32x4.sub(one, g), f32x4.add(one, g))));
      storeLanes(to + 3 * gate, n, f32x4.mul(dout, f32x4.mul(o, f32x4.sub(one, o))));
      storeLanes(dc + state, n, f32x4.mul(whole, f));
      storeLanes(dh + state, n, zero);
    }
  }
}
