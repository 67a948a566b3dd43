import type { Dataset } from "../data/dataset.js";
import { drawRows } from "../data/draw-rows.js";
import { subset } from "../data/subset.js";
import type { ModelMeta } from "../formats/model-file/save-model.js";
import { type DataForModel, type DataPart, loadDataAs } from "../node/data/load-data-as.js";

/** The flags of a command that looks at the data a model was trained on. */
export interface ModelDataFlags {
  readonly data: string;
  readonly part: DataPart | undefined;
  readonly samples: number;
  readonly seed: number;
  readonly skipBadRows: boolean | undefined;
}

/** The training part, unless another is named, or all of data that have none. */
export async function loadPart(meta: ModelMeta, flags: ModelDataFlags): Promise<DataForModel> {
  const { part, skipBadRows } = flags;
  const data = await loadDataAs(meta, flags.data, { part, skipBadRows });
  if (part !== undefined || data.part === "all") return data;
  return loadDataAs(meta, flags.data, { skipBadRows, part: "train" });
}

/**
 * So many samples at most, drawn without replacement, in the order in which the data have them: the same in each pass.
 */
export function drawInOrder(
  dataset: Dataset<unknown>,
  { samples, seed }: Pick<ModelDataFlags, "samples" | "seed">,
): Dataset<unknown> {
  return subset(dataset, drawRows(dataset.length, samples, seed));
}
