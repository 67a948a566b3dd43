import { arrayDataset } from "../../data/array-dataset.js";
import type { Dataset, TensorData } from "../../data/dataset.js";
import type { UnseenCategories } from "../../data/table/table-encoding.js";
import { DataError } from "../../errors.js";
import type { ModelMeta } from "../../formats/model-file/save-model.js";
import { formatShape, type Shape, sameShape } from "../../shape.js";
import type { Samples, Targets } from "./samples.js";

/** Samples as inputs of a network, with labels or scaled numbers; labels of 0 where there are no targets. */
export type EncodedDataset = Dataset<Int32Array, TensorData> | Dataset<TensorData, TensorData>;

/**
 * Samples as a model takes them.
 *
 * @param where - what messages call them
 * @param onUnseen - called for each column with categories that training had not
 * @throws DataError if they are of another shape, or a class is unknown
 */
export function encodedDataset(
  where: string,
  samples: Samples,
  meta: ModelMeta,
  inputShape: Shape,
  onUnseen?: (where: string, categories: UnseenCategories) => void,
): EncodedDataset {
  const { targets } = samples;
  const { inputs, shape, unseen = [] } = samples.encode(meta);
  for (const categories of unseen) onUnseen?.(where, categories);
  if (!sameShape(shape, inputShape)) {
    throw new DataError({
      where,
      expected: `inputs of shape ${formatShape(inputShape)}, which the model was trained on`,
      received: formatShape(shape),
      cure: "Pass data like the training data.",
    });
  }
  const common = { inputs, shape, preprocessing: meta.preprocessing ?? {} };
  if (targets?.task !== "regression") {
    const labels =
      targets === null ? new Uint8Array(samples.length) : labelsOfNames(where, targets.names, meta.classes);
    return arrayDataset({ ...common, labels });
  }
  const { targetScale } = meta;
  return arrayDataset({
    ...common,
    targets: targets.values,
    outputs: targets.outputs,
    ...(targetScale === undefined ? {} : { targetScale }),
  });
}

/**
 * The class number of each sample: where its name stands among the classes, or the number that it is, if classes are
 * named by words or not at all.
 *
 * @throws DataError if one is of no class
 */
export function labelsOfNames(
  where: string,
  names: readonly string[],
  classes: readonly string[] | undefined,
): Int32Array {
  const numbers = new Map(classes?.map((name, label) => [name, label]));
  const most = classes?.length ?? 2 ** 31;
  const areWords = !classes?.some(isNumber);
  return Int32Array.from(names, (name) => {
    const label = numbers.get(name) ?? (areWords && isNumber(name) ? Number(name) : -1);
    if (Number.isInteger(label) && label >= 0 && label < most) return label;
    throw new DataError({
      where,
      expected: `classes of the training data (${shortList(classes ?? ["0", "1", "…"])})`,
      received: name,
      cure: "Correct the label, or train with this class.",
    });
  });
}

function isNumber(name: string): boolean {
  return name !== "" && Number.isFinite(Number(name));
}

const mostNamed = 10;

function shortList(names: readonly string[]): string {
  const more = names.length > mostNamed ? `, … ${names[names.length - 1]}` : "";
  return `${names.slice(0, mostNamed).join(", ")}${more}`;
}

/** The names of all classes: numbers in their order, else by their letters. */
export function classesOf({ names }: Targets & { readonly task: "classification" }): string[] {
  const classes = [...new Set(names)];
  return classes.every(isNumber) ? classes.sort((a, b) => Number(a) - Number(b)) : classes.sort();
}
