// One time step of a GRU and its gradient. Twin: src/backend/cpu/recurrences.ts. Units: rows. Gates of a row lie one
// after another, `width` values each: reset, update, new.
import { sigmoid, tanh } from "../math/functions";
import { loadLanes, storeLanes } from "../math/lanes";

/** What a value of the state takes, forward and backward, in ns. */
export const gruStepNs: f64 = 4.5;
export const gruStepGradientNs: f64 = 1.5;

/**
 * r, z = σ of gates + inner, n = tanh(gates + r·inner), hidden = (1 − z)·n + z·hiddenBefore. `activated` has r, z, n
 * and, as a fourth, the inner part of n. Rows whose mask is 0 keep the state that they have; `mask` 0: no mask.
 */
export function gruStep(
  gates: usize,
  inner: usize,
  hiddenBefore: usize,
  mask: usize,
  activated: usize,
  hidden: usize,
  width: i32,
  begin: i32,
  end: i32,
): void {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const gate = (<usize>width) << 2;
  for (let row = begin; row < end; row++) {
    const isReal = mask == 0 || load<f32>(mask + ((<usize>row) << 2)) != 0;
    const wide = <usize>row * 3 * gate;
    const narrow = <usize>row * gate;
    for (let k = 0; k < width; k += 4) {
      const n = min(4, width - k);
      const offset = (<usize>k) << 2;
      const from = gates + wide + offset;
      const within = inner + wide + offset;
      const to = activated + <usize>row * 4 * gate + offset;
      const state = narrow + offset;
      const r = sigmoid(f32x4.add(loadLanes(from, n, zero), loadLanes(within, n, zero)));
      const z = sigmoid(f32x4.add(loadLanes(from + gate, n, zero), loadLanes(within + gate, n, zero)));
      const own = loadLanes(within + 2 * gate, n, zero);
      const fresh = tanh(f32x4.add(loadLanes(from + 2 * gate, n, zero), f32x4.mul(r, own)));
      storeLanes(to, n, r);
      storeLanes(to + gate, n, z);
      storeLanes(to + 2 * gate, n, fresh);
      storeLanes(to + 3 * gate, n, own);
      const before = loadLanes(hiddenBefore + state, n, zero);
      const after = f32x4.add(f32x4.mul(f32x4.sub(one, z), fresh), f32x4.mul(z, before));
      storeLanes(hidden + state, n, isReal ? after : before);
    }
  }
}

/**
 * The gradient of {@link gruStep}: `dgates` for what x gives, `dinner` for what the state gives. dh is that of the
 * state behind the step, apart from `dhNext`, what comes through the next step's product, and `dhidden`, what comes
 * from outside; it becomes that of the state before it, apart from what `dinner` will give.
 */
export function gruStepGradient(
  activated: usize,
  hiddenBefore: usize,
  mask: usize,
  dhidden: usize,
  dhNext: usize,
  dh: usize,
  dgates: usize,
  dinner: usize,
  width: i32,
  begin: i32,
  end: i32,
): void {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const gate = (<usize>width) << 2;
  for (let row = begin; row < end; row++) {
    const isReal = mask == 0 || load<f32>(mask + ((<usize>row) << 2)) != 0;
    const wide = <usize>row * 3 * gate;
    const narrow = <usize>row * gate;
    for (let k = 0; k < width; k += 4) {
      const n = min(4, width - k);
      const offset = (<usize>k) << 2;
      const toGates = dgates + wide + offset;
      const toInner = dinner + wide + offset;
      const state = narrow + offset;
      const through = f32x4.add(loadLanes(dh + state, n, zero), loadLanes(dhNext + state, n, zero));
      const slope = f32x4.add(through, loadLanes(dhidden + state, n, zero));
      if (!isReal) {
        storeLanes(dh + state, n, slope);
        for (let part: usize = 0; part < 3; part++) {
          storeLanes(toGates + part * gate, n, zero);
          storeLanes(toInner + part * gate, n, zero);
        }
        continue;
      }
      const from = activated + <usize>row * 4 * gate + offset;
      const r = loadLanes(from, n, zero);
      const z = loadLanes(from + gate, n, zero);
      const fresh = loadLanes(from + 2 * gate, n, zero);
      const own = loadLanes(from + 3 * gate, n, zero);
      const before = loadLanes(hiddenBefore + state, n, zero);
      const bend = f32x4.mul(f32x4.sub(one, fresh), f32x4.add(one, fresh));
      const dfresh = f32x4.mul(f32x4.mul(slope, f32x4.sub(one, z)), bend);
      const dreset = f32x4.mul(f32x4.mul(dfresh, own), f32x4.mul(r, f32x4.sub(one, r)));
      const dupdate = f32x4.mul(f32x4.mul(slope, f32x4.sub(before, fresh)), f32x4.mul(z, f32x4.sub(one, z)));
      storeLanes(toGates, n, dreset);
      storeLanes(toGates + gate, n, dupdate);
      storeLanes(toGates + 2 * gate, n, dfresh);
      storeLanes(toInner, n, dreset);
      storeLanes(toInner + gate, n, dupdate);
      storeLanes(toInner + 2 * gate, n, f32x4.mul(dfresh, r));
      storeLanes(dh + state, n, f32x4.mul(slope, z));
    }
  }
}
