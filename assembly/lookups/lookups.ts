// Rows of a table by number, and the sum of rows by number. Twin: src/backend/cpu/lookups.ts.
import { demote, loadLanes, promoteHigh, promoteLow, storeLanes } from "../math/lanes";

/** y[i] = table[indices[i]], rows of `width` values; units: indices. */
export function gather(table: usize, indices: usize, y: usize, width: i32, begin: i32, end: i32): void {
  const bytes = (<usize>width) << 2;
  for (let i = begin; i < end; i++) {
    memory.copy(y + <usize>i * bytes, table + <usize>load<i32>(indices + ((<usize>i) << 2)) * bytes, bytes);
  }
}

/**
 * Sorts the numbers 0 … count − 1 by their index, stably: those of row r stand in `order` from starts[r] up to starts[r
 * + 1]. Those of row `skipped` (−1: none) are left out. `starts` has rows + 2 values.
 */
export function groupIndices(
  indices: usize,
  starts: usize,
  order: usize,
  count: i32,
  rows: i32,
  skipped: i32,
  begin: i32,
  end: i32,
): void {
  if (begin >= end) return;
  memory.fill(starts, 0, (<usize>rows + 2) << 2);
  // Counts stand two places on, so that filling `order` moves each row's start to its place.
  for (let i = 0; i < count; i++) {
    const row = load<i32>(indices + ((<usize>i) << 2));
    if (row == skipped) continue;
    const counter = starts + ((<usize>row) << 2);
    store<i32>(counter, load<i32>(counter, 8) + 1, 8);
  }
  for (let r = 2; r < rows + 2; r++) {
    const at = starts + ((<usize>r) << 2);
    store<i32>(at, load<i32>(at) + load<i32>(at - 4));
  }
  for (let i = 0; i < count; i++) {
    const row = load<i32>(indices + ((<usize>i) << 2));
    if (row == skipped) continue;
    const start = starts + ((<usize>row) << 2);
    const place = load<i32>(start, 4);
    store<i32>(order + ((<usize>place) << 2), i);
    store<i32>(start, place + 1, 4);
  }
}

/** dtable[r] = Σ dy over the numbers of row r in `order`, in f64; units: rows of `width` values. */
export function scatterAdd(
  dy: usize,
  starts: usize,
  order: usize,
  dtable: usize,
  width: i32,
  begin: i32,
  end: i32,
): void {
  const bytes = (<usize>width) << 2;
  const zero = f32x4.splat(0);
  for (let row = begin; row < end; row++) {
    const bounds = starts + ((<usize>row) << 2);
    const first = order + ((<usize>load<i32>(bounds)) << 2);
    const last = order + ((<usize>load<i32>(bounds, 4)) << 2);
    const to = dtable + <usize>row * bytes;
    let j = 0;
    for (; j + 8 <= width; j += 8) {
      const column = dy + ((<usize>j) << 2);
      let a = f64x2.splat(0);
      let b = a;
      let c = a;
      let d = a;
      for (let at = first; at < last; at += 4) {
        const from = column + <usize>load<i32>(at) * bytes;
        const low = v128.load(from);
        const high = v128.load(from, 16);
        a = f64x2.add(a, promoteLow(low));
        b = f64x2.add(b, promoteHigh(low));
        c = f64x2.add(c, promoteLow(high));
        d = f64x2.add(d, promoteHigh(high));
      }
      const at = to + ((<usize>j) << 2);
      v128.store(at, demote(a, b));
      v128.store(at, demote(c, d), 16);
    }
    for (; j < width; j += 4) {
      const column = dy + ((<usize>j) << 2);
      let a = f64x2.splat(0);
      let b = a;
      for (let at = first; at < last; at += 4) {
        const v = loadLanes(column + <usize>load<i32>(at) * bytes, width - j, zero);
        a = f64x2.add(a, promoteLow(v));
        b = f64x2.add(b, promoteHigh(v));
      }
      storeLanes(to + ((<usize>j) << 2), width - j, demote(a, b));
    }
  }
}
