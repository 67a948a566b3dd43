import { arrayRows } from "./arrays.js";
import { elementwiseRows } from "./elementwise.js";
import { linearRows } from "./linear.js";
import { poolingRows } from "./pooling.js";
import { reductionRows } from "./reductions.js";
import type { GraphRow } from "./row.js";

/** Every operator of graph models that can be imported. A new one is a row in the file of its family. */
export const graphRows: Readonly<Record<string, GraphRow>> = {
  ...arrayRows,
  ...elementwiseRows,
  ...linearRows,
  ...poolingRows,
  ...reductionRows,
};
