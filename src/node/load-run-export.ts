import { readFileSync } from "node:fs";
import { arrayDataset } from "../data/array-dataset.js";
import type { Dataset } from "../data/dataset.js";
import { DataError, EvenkeelError, FormatError } from "../errors.js";
import { FileBudget } from "../formats/file-budget.js";
import { isObject, parseJsonObject } from "../formats/json.js";
import { type LoadedModel, loadModel } from "../formats/model-file/save-model.js";
import { readSafetensors } from "../formats/safetensors/safetensors.js";
import { shown } from "../shown.js";
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

/** A run that the playground exported: two networks and what they learned from. */
export interface RunExport {
  /** In the order of the page. */
  readonly networks: readonly ExportedNetwork[];
  /** What both were trained on. */
  readonly train: Dataset;
  /** What neither has seen. */
  readonly test: Dataset;
}

/** What a file says before it is checked. */
interface Stored {
  readonly format?: unknown;
  readonly formatVersion?: unknown;
  readonly data?: unknown;
  readonly networks?: unknown;
}

/** What a network of it says before it is checked. */
interface StoredNetwork {
  readonly name?: unknown;
  readonly steps?: unknown;
  readonly error?: unknown;
  readonly model?: unknown;
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
    const stored = parse(where, path);
    if (stored.formatVersion !== 1) throw fault(where, "formatVersion 1", shown(stored.formatVersion));
    if (!Array.isArray(stored.networks) || stored.networks.length > 2) {
      throw fault(where, "a list of at most two networks", shown(stored.networks));
    }
    return { networks: stored.networks.map((one) => readNetwork(where, one)), ...readSamples(where, stored.data) };
  } catch (cause) {
    if (!(cause instanceof EvenkeelError) || cause.where === where) throw cause;
    const { expected, received, cure } = cause;
    throw new FormatError({ where, expected, received, cure }, { cause });
  }
}

function parse(where: string, path: string): Stored {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const cure = "Check the name.";
    throw new DataError({ where, expected: "a file", received: String((cause as Error).message), cure }, { cause });
  }
  const refuse = (): FormatError => fault(where, "a run exported from the playground", "something else");
  const stored = parseJsonObject(text, { budget: new FileBudget(where, text.length), fault: refuse });
  if (stored["format"] === "evenkeel-playground") return stored;
  throw refuse();
}

function readNetwork(where: string, network: unknown): ExportedNetwork {
  const { name, steps, error, model }: StoredNetwork = isObject(network) ? network : {};
  if ((name !== "A" && name !== "B") || !Number.isSafeInteger(steps) || typeof steps !== "number") {
    throw fault(where, "networks with name and steps", shown({ name, steps }));
  }
  const trained = model === null ? null : loadModel(bytesOf(where, model));
  return { name, steps, error: typeof error === "string" ? error : null, trained };
}

function readSamples(where: string, data: unknown): Pick<RunExport, "train" | "test"> {
  const { tensors } = readSafetensors(inflate(where, bytesOf(where, data)));
  try {
    const samples = (part: "train" | "test"): Dataset => {
      const [inputs, labels] = [tensors[`${part}.inputs`], tensors[`${part}.labels`]];
      if (inputs === undefined || labels === undefined) {
        throw fault(where, `${part}.inputs and ${part}.labels`, Object.keys(tensors).join(", ") || "nothing");
      }
      return arrayDataset({
        inputs: inputs.dataSync(),
        shape: inputs.shape.slice(1),
        labels: Int32Array.from(labels.dataSync()),
      });
    };
    return { train: samples("train"), test: samples("test") };
  } finally {
    for (const t of Object.values(tensors)) t.dispose();
  }
}

function bytesOf(where: string, base64: unknown): Uint8Array {
  if (typeof base64 !== "string") throw fault(where, "data and models in base64", typeof base64);
  return new Uint8Array(Buffer.from(base64, "base64"));
}

function fault(where: string, expected: string, received: string): FormatError {
  return new FormatError({ where, expected, received, cure: "Export the run again from the playground." });
}
