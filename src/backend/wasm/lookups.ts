import type { Lookups } from "../backend.js";
import { fillIndices } from "../host-steps.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";

/** What a value takes, in ns: {@link Runtime.share}. */
const nanoseconds = { gather: 0.08, scatterAdd: 0.1 };

/** Rows of a table by number: assembly/lookups/lookups.ts. */
export function lookups(runtime: Runtime): Lookups<number> {
  return {
    toIndices(x, indices, count, size) {
      const { buffer } = runtime.memory.bytes;
      fillIndices(new Float32Array(buffer, x, count), new Int32Array(buffer, indices, count), size);
    },

    gather(table, indices, y, count, width) {
      const work = nanoseconds.gather * count * width;
      runtime.share(kernels.gather, { units: count, work }, { table, indices, y, width });
    },

    scatterAdd(dy, indices, dtable, count, rows, width, skipped) {
      const startsBytes = 4 * (rows + 2);
      runtime.withScratch(startsBytes + 4 * count, (starts) => {
        const order = starts + startsBytes;
        runtime.run(kernels.groupIndices, 1, { indices, starts, order, count, rows, skipped });
        const work = nanoseconds.scatterAdd * (count + rows) * width;
        runtime.share(kernels.scatterAdd, { units: rows, work }, { dy, starts, order, dtable, width });
      });
    },
  };
}
