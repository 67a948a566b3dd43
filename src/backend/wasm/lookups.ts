import type { Lookups } from "../backend.js";
import type { Runtime } from "./runtime.js";

/** What a value takes, in ns: {@link Runtime.share}. */
const nanoseconds = { gather: 0.08, scatterAdd: 0.1 };

/** Rows of a table by number: assembly/lookups.ts. */
export function lookups(runtime: Runtime): Lookups<number> {
  return {
    gather(table, indices, y, count, width) {
      runtime.share("gather", count, nanoseconds.gather * count * width, table, indices, y, width);
    },

    scatterAdd(dy, indices, dtable, count, rows, width, skipped) {
      const startsBytes = 4 * (rows + 2);
      runtime.withScratch(startsBytes + 4 * count, (starts) => {
        const order = starts + startsBytes;
        runtime.run("groupIndices", 1, indices, starts, order, count, rows, skipped);
        const work = nanoseconds.scatterAdd * (count + rows) * width;
        runtime.share("scatterAdd", rows, work, dy, starts, order, dtable, width);
      });
    },
  };
}
