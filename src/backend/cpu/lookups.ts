import type { Lookups } from "../backend.js";
import { fillIndices } from "../host-steps.js";
import { f32, i32 } from "./memory.js";

/** Rows of a table by number. */
export const lookups: Lookups<ArrayBuffer> = {
  toIndices(x, indices, count, size) {
    fillIndices(f32(x), i32(indices).subarray(0, count), size);
  },

  gather(table, indices, y, count, width) {
    const from = f32(table);
    const rows = i32(indices);
    const output = f32(y);
    for (let i = 0; i < count; i++) output.set(from.subarray(rows[i] * width, (rows[i] + 1) * width), i * width);
  },

  scatterAdd(dy, indices, dtable, count, rows, width, skipped) {
    const cotangent = f32(dy);
    const places = i32(indices);
    const sums = new Float64Array(rows * width);
    for (let i = 0; i < count; i++) {
      if (places[i] === skipped) continue;
      for (let j = 0; j < width; j++) sums[places[i] * width + j] += cotangent[i * width + j];
    }
    f32(dtable).set(sums);
  },
};
