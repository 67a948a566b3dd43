import { FormatError } from "../../../errors.js";
import { FileBudget } from "../../file-budget.js";
import { isObject, type JsonObject, parseJsonObject } from "../../json.js";
import { printable } from "../../printable.js";
import type { Dialect } from "../../tfjs/import/layer-step.js";
import { networkOf } from "../../tfjs/model/container.js";
import type { TfjsFiles } from "../../tfjs/model/files.js";
import { writeTfjs } from "../../tfjs/model/files.js";
import { normalizeNetwork } from "../normalize.js";
import { giveUniqueNames } from "../unique-names.js";
import { unzipKeras } from "./archive.js";
import { readH5 } from "./h5.js";
import { countedWeights, listedWeights, type NamedArray } from "./weights.js";

/** A Keras model as the files of a TF.js model, and what of it was written anew. */
export interface ReadKeras {
  readonly files: TfjsFiles;
  readonly dialect: Dialect;
  /** What stands otherwise in the files than in Keras', in words. */
  readonly changes: readonly string[];
}

/** What training alone needs. */
const unread = ["optimizer_weights", "optimizer", "optimizers"];

/** Whether bytes are a zip, as .keras files are. */
export function isZip(bytes: Uint8Array): boolean {
  return [0x50, 0x4b, 0x03, 0x04].every((byte, k) => bytes[k] === byte);
}

/** Whether bytes are HDF5. */
function isH5(bytes: Uint8Array): boolean {
  return [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a].every((byte, k) => bytes[k] === byte);
}

/** Reads a .keras file, or a whole model in an .h5 file. @throws FormatError if it is neither, or damaged */
export async function readKerasFile(where: string, bytes: Uint8Array): Promise<ReadKeras> {
  const budget = new FileBudget(where, bytes.length);
  if (isZip(bytes)) return readArchive(where, bytes, budget);
  if (isH5(bytes)) return readWholeH5(where, bytes, budget);
  throw fault(where, "a .keras file, or a whole model in an .h5 file", "bytes that are neither");
}

async function readArchive(where: string, bytes: Uint8Array, budget: FileBudget): Promise<ReadKeras> {
  const parts = unzipKeras(where, bytes, budget);
  const network = parsed(where, budget, textOf(where, "config.json", parts.get("config.json")));
  const metadata = parts.get("metadata.json");
  const version = metadata && parsed(where, budget, textOf(where, "metadata.json", metadata))["keras_version"];
  const weights = await readH5(where, parts.get("model.weights.h5") ?? new Uint8Array(), budget, isRead);
  return written(where, network, String(version ?? "3"), (normal) => countedWeights(weights, normal));
}

async function readWholeH5(where: string, bytes: Uint8Array, budget: FileBudget): Promise<ReadKeras> {
  const root = await readH5(where, bytes, budget, isRead);
  const config = root.texts.get("model_config");
  if (typeof config !== "string") {
    const cure = "Save the whole model: model.save('model.keras'), or model.save('model.h5').";
    throw new FormatError({ where, expected: "a whole model with its model_config", received: "weights alone", cure });
  }
  const version =
    root.texts.get("keras_version") ?? root.groups.get("model_weights")?.texts.get("keras_version") ?? "2";
  const network = parsed(where, budget, config);
  return written(where, network, String(version), (normal) => listedWeights(root, layerNames(normal)));
}

function isRead(name: string): boolean {
  return !unread.includes(name);
}

/** The files of a model. @param weightsOf - its weights, by the network in the form of Keras 2 */
function written(
  where: string,
  network: JsonObject,
  version: string,
  weightsOf: (network: JsonObject) => readonly NamedArray[],
): ReadKeras {
  const { class_name: className } = network;
  if (!["Sequential", "Functional", "Model"].includes(String(className))) {
    const cure = "Build the same network as a Functional model, and give it the weights.";
    throw new FormatError({
      where,
      expected: "a Sequential or Functional model",
      received: `a ${printable(className)}`,
      cure,
    });
  }
  const changes = normalizeNetwork(network);
  if (giveUniqueNames(network)) changes.push("layers of networks inside now have names of their own");
  const weights = weightsOf(network);
  const names = new Set<string>();
  for (const { name } of weights) {
    if (names.has(name)) throw fault(where, "names of their own for layers", `the weight ${printable(name)} twice`);
    names.add(name);
  }
  const document = {
    format: "layers-model",
    generatedBy: `keras v${printable(version)}`,
    convertedBy: null,
    modelTopology: { keras_version: version, backend: "tensorflow", model_config: network },
  };
  const group = weights.map(({ name, array: { shape, dtype, bytes } }) => ({ spec: { name, shape, dtype }, bytes }));
  return { files: writeTfjs({ document, groups: [group] }), dialect: dialectOf(version), changes };
}

/** By whose rules a version of Keras computes. */
export function dialectOf(version: string): Dialect {
  return Number.parseInt(version, 10) >= 3 ? "keras3" : "keras2";
}

/** The names of all layers, in networks inside too. */
function layerNames(network: JsonObject, names: Set<string> = new Set()): Set<string> {
  const config = network["config"];
  const layers = isObject(config) && Array.isArray(config["layers"]) ? config["layers"].filter(isObject) : [];
  for (const layer of layers) {
    const own = layer["config"];
    const inner = networkOf(layer);
    if (inner !== null) layerNames(inner, names);
    else names.add(String(layer["name"] ?? (isObject(own) ? own["name"] : "")));
  }
  return names;
}

function textOf(where: string, name: string, bytes: Uint8Array | undefined): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw fault(where, `text in ${name}`, "bytes that are no text in UTF-8", cause);
  }
}

function parsed(where: string, budget: FileBudget, text: string): JsonObject {
  return parseJsonObject(text, { budget, fault: (expected, received) => fault(where, expected, received) });
}

function fault(where: string, expected: string, received: string, cause?: unknown): FormatError {
  const cure = "Check that it is the file that Keras saved, complete and unchanged.";
  return new FormatError({ where, expected, received, cure }, { cause });
}
