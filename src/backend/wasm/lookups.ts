import type { Lookups } from "../backend.js";
import type { Runtime } from "./runtime.js";

/** Rows of a table by number: assembly/lookups.ts. */
export function lookups(runtime: Runtime): Lookups<number> {
  return {
    gather(table, indices, y, count, width) {
      runtime.share("gather", count, 2 * count * width, table, indices, y, width);
    },

    scatterAdd(dy, indices, dtable, count, rows, width, skipped) {
      const startsBytes = 4 * (rows + 2);
      runtime.withScratch(startsBytes + 4 * count, (starts) => {
        const order = starts + startsBytes;
        runtime.run("groupIndices", 1, indices, starts, order, count, rows, skipped);
        runtime.share("scatterAdd", rows, (count + rows) * width, dy, starts, order, dtable, width);
      });
    },
  };
}
