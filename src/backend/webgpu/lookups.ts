import type { Lookups } from "../backend.js";
import { groupsFor } from "./elementwise.js";
import type { GpuBlock } from "./memory.js";
import type { Recorder } from "./recorder.js";
import { kernels } from "./shaders.generated.js";

/** Rows of a table by number. */
export function lookups(gpu: Recorder): Lookups<GpuBlock> {
  return {
    toIndices(x, indices, count, size) {
      gpu.run(kernels.toIndices, groupsFor(count), { x, indices }, { count, size }, {});
    },

    gather(table, indices, y, count, width) {
      const length = count * width;
      gpu.run(kernels.gather, groupsFor(length), { table, indices, y }, { length, width }, {});
    },

    scatterAdd(dy, indices, dtable, count, rows, width, skipped) {
      // No row has the number that −1 is as u32.
      const numbers = { count, rows, width, skipped };
      gpu.run(kernels.scatterAdd, rows, { dy, indices, dtable }, numbers, { SIZE: width <= 64 ? 64 : 256 });
    },
  };
}
