import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DataError, EvenkeelError, FormatError, MissingNetworkError } from "../errors.js";
import {
  describeModel,
  type LoadedModel,
  loadModel,
  type ModelDescription,
  type ModelMeta,
} from "../formats/model-file/save-model.js";
import type { NetworkOptions } from "../networks/networks.js";
import { checkOptions } from "../options.js";
import { shown } from "../shown.js";
import { loadNetwork } from "./load-network.js";

/** Options of {@link loadRun}. */
export interface LoadRunOptions {
  /** What to build, as {@link loadNetwork} takes it: code that runs. @defaultValue the architecture in the file */
  readonly network?: string;
}

/** A trained model and where it was found. */
export interface Run extends LoadedModel {
  /** The model's file. */
  readonly file: string;
}

/** The model's file in a run's folder. */
const modelName = "model.safetensors";

/**
 * The model of a run: of its folder, or of a `.safetensors` file.
 *
 * A network that the file holds neither as layers nor as a graph, or that has custom ops, is built by `network`. The
 * file remembers which module built it, but never chooses what is run: opening a file runs no code.
 *
 * @throws DataError if there is no model
 * @throws MissingNetworkError if the file does not hold its network and `network` is not given
 * @throws FormatError if the file is damaged, or the network does not fit it
 */
export async function loadRun(path: string, options: LoadRunOptions = {}): Promise<Run> {
  checkOptions("loadRun(path)", options, { network: true });
  const { network } = options;
  const file = findModel(path);
  const bytes = readFileSync(file);
  const description = naming(path, () => describeModel(bytes));
  const { meta, hasArchitecture, customOps = [] } = description;
  if (network === undefined && (!hasArchitecture || customOps.length > 0)) throw missingNetwork(path, description);
  const into = network === undefined ? undefined : await (await loadNetwork(network))(optionsOf(path, meta));
  return { ...naming(path, () => loadModel(bytes, into)), file };
}

/** Runs `read`, and says which file it was where that fails. */
function naming<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof EvenkeelError)) throw cause;
    const { expected, received, cure } = cause;
    throw new FormatError({ where: `loadRun(${path})`, expected, received, cure }, { cause });
  }
}

function findModel(path: string): string {
  const where = `loadRun(${path})`;
  if (!existsSync(path)) {
    const expected = "the folder of a run or a .safetensors file";
    throw new DataError({ where, expected, received: "no such file or folder", cure: "Check the name." });
  }
  if (!statSync(path).isDirectory()) {
    const expected = "the folder of a run or a .safetensors file";
    if (/\.(pt|pth)$/i.test(path)) {
      const cure = "In code, build the network, load what readTorch gives, and saveModel writes what is taken here.";
      throw new DataError({ where, expected, received: "weights of PyTorch, without their network", cure });
    }
    if (!path.toLowerCase().endsWith(".onnx")) return path;
    const cure = "In code, importOnnx makes a network of it; inspect, fold, recalibrate and repair take it as it is.";
    throw new DataError({ where, expected, received: "an ONNX model", cure });
  }
  const file = join(path, modelName);
  if (existsSync(file)) return file;
  const foreign = join(path, "model.json");
  if (existsSync(foreign)) {
    const cure = `Name the file where TF.js models are taken: ${foreign}.`;
    throw new DataError({ where, expected: `${modelName} in the folder`, received: "a model.json of TF.js", cure });
  }
  const isUnfinished = existsSync(join(path, "checkpoint.safetensors"));
  throw new DataError({
    where,
    expected: `${modelName} in the folder`,
    received: isUnfinished ? "the checkpoint of an unfinished run" : "none",
    cure: `${isUnfinished ? "Resume the run" : "Train first"}: a finished run writes it there.`,
  });
}

function missingNetwork(path: string, { meta: { network }, customOps = [] }: ModelDescription): MissingNetworkError {
  return new MissingNetworkError({
    where: `loadRun(${path})`,
    expected:
      customOps.length === 0
        ? "a model saved with its architecture"
        : `the functions of its custom ops ${shown(customOps)}, which no file holds`,
    received: typeof network?.from === "string" ? `only the name of its module, ${shown(network.from)}` : "none",
    cure: 'Name the module that builds it, if you trust it, as in { network: "./net.js" }.',
  });
}

/** What the network was built with; without a record, what the rest of the meta says. */
function optionsOf(path: string, { network, inputShape, classes }: ModelMeta): NetworkOptions {
  if (network?.options !== undefined) return network.options;
  if (inputShape !== undefined && classes !== undefined) return { inputShape, classes: classes.length };
  throw new DataError({
    where: `loadRun(${path})`,
    expected: "the network's inputShape and classes in the file's metadata",
    received: "none",
    cure: "Load it in code: loadModel(bytes, network).",
  });
}
