import { readFileSync } from "node:fs";
import { arrayDataset } from "../data/array-dataset.js";
import type { Dataset, TensorData } from "../data/dataset.js";
import { DataError, EvenkeelError, FormatError } from "../errors.js";
import { FileBudget } from "../formats/file-budget.js";
import { parseJsonObject } from "../formats/json.js";
import { type LoadedModel, loadModel } from "../formats/model-file/save-model.js";
import { decodeRun, decodeRunData, noRun, type RunSamples } from "../formats/playground-run.js";
import { inflate } from "./data/inflate.js";

/** A network of a {@link RunExport}. */
export interface ExportedNetwork {
  /** What the playground calls it. */
  readonly name: "A" | "B";
  /** How many steps it was trained. */
  readonly steps: number;
  /** Why training ended early, in the library's words; null if it did not. */
  readonly error: string | null;
  /** The network as it stood; null where it could not even be built. */
  readonly trained: LoadedModel | null;
}

/** A run that the playground exported: two networks and their training data. */
export interface RunExport {
  /** In the order of the page. */
  readonly networks: readonly ExportedNetwork[];
  /** What both were trained on. */
  readonly train: Dataset<Int32Array, TensorData>;
  /** What neither has seen. */
  readonly test: Dataset<Int32Array, TensorData>;
}

/**
 * Reads a run that the playground exported as JSON: the networks as they stood, with their data.
 *
 * @param path - the file
 * @throws DataError if it cannot be read
 * @throws FormatError if it is not such a file, or damaged
 */
export function loadRunExport(path: string): RunExport {
  const where = `loadRunExport(${path})`;
  try {
    const run = decodeRun(parse(where, path), where);
    const { shape, train, test } = decodeRunData(inflate(where, run.data), where);
    const dataset = (samples: RunSamples): Dataset<Int32Array, TensorData> => arrayDataset({ ...samples, shape });
    return {
      networks: run.networks.map(({ name, steps, error, model }) => ({
        ...{ name, steps, error },
        trained: model === null ? null : loadModel(model),
      })),
      train: dataset(train),
      test: dataset(test),
    };
  } catch (cause) {
    if (!(cause instanceof EvenkeelError) || cause.where === where) throw cause;
    const { expected, received, cure } = cause;
    throw new FormatError({ where, expected, received, cure }, { cause });
  }
}

function parse(where: string, path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const cure = "Check the name.";
    throw new DataError({ where, expected: "a file", received: String((cause as Error).message), cure }, { cause });
  }
  const budget = new FileBudget(where, text.length);
  return parseJsonObject(text, { budget, fault: () => noRun(where) });
}
