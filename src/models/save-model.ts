import type { Preprocessing } from "../data/array-dataset.js";
import { FormatError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { type Architecture, buildArchitecture, describeArchitecture } from "./architecture.js";
import { readSafetensors, writeSafetensors } from "./safetensors.js";

/** What a model file says besides the numbers. Everything must survive JSON. */
export interface ModelMeta {
  /** How stored values become inputs. */
  readonly preprocessing?: Preprocessing;
  /** The shape of one input: (C, …). */
  readonly inputShape?: readonly number[];
  /** The name of each output. */
  readonly classes?: readonly string[];
  /** Anything else. */
  readonly [key: string]: unknown;
}

/** What {@link loadModel} returns. */
export interface LoadedModel {
  /** The network, with the file's parameters and buffers. */
  readonly model: Module;
  /** What the file says besides the numbers. */
  readonly meta: ModelMeta;
}

/** The metadata entry that holds {@link Header}, as JSON. */
const entry = "evenkeel";

interface Header {
  readonly format: 1;
  readonly architecture: Architecture | null;
  readonly meta: ModelMeta;
}

/**
 * A model as one .safetensors file: its state dict, and in the metadata its architecture and `meta`. Networks with classes of
 * your own, or with a layer in two places, are saved without architecture; load them with {@link loadModel}'s second argument.
 *
 * @example
 * ```ts
 * const bytes = saveModel(new Sequential(new Linear(2, 3)), { classes: ["a", "b", "c"] });
 * const { model, meta } = loadModel(bytes);
 * meta.classes; // ["a", "b", "c"]
 * ```
 */
export function saveModel(model: Module, meta: ModelMeta = {}): Uint8Array {
  const header: Header = { format: 1, architecture: describeArchitecture(model), meta };
  const state = model.stateDict();
  const bytes = writeSafetensors(state, { [entry]: JSON.stringify(header) });
  for (const t of Object.values(state)) t.dispose();
  return bytes;
}

/**
 * The model of a file that {@link saveModel} wrote, in training mode as every new model: call `eval()` or `predict()`.
 *
 * @param bytes - the file
 * @param into - a network of the same shape to load into, needed where the file has no architecture
 * @throws FormatError if the file is damaged or has no architecture
 * @throws StateDictError if the state does not fit the network
 */
export function loadModel(bytes: Uint8Array, into?: Module): LoadedModel {
  const { tensors, metadata } = readSafetensors(bytes);
  try {
    const header = parseHeader(metadata[entry]);
    const model = into ?? buildArchitecture(checkArchitecture(header));
    model.loadStateDict(tensors);
    return { model, meta: header?.meta ?? {} };
  } finally {
    for (const t of Object.values(tensors)) t.dispose();
  }
}

function parseHeader(text: string | undefined): Header | null {
  if (text === undefined) return null;
  try {
    const header = JSON.parse(text);
    if (header?.format === 1) return header;
  } catch {
    // Told below.
  }
  throw new FormatError({
    where: "loadModel(bytes)",
    expected: "metadata of format 1",
    received: text.slice(0, 40),
    cure: "Load it with the version of Evenkeel that wrote it, or a newer one.",
  });
}

function checkArchitecture(header: Header | null): Architecture {
  const architecture = header?.architecture ?? null;
  if (architecture !== null) return architecture;
  throw new FormatError({
    where: "loadModel(bytes)",
    expected: "the architecture in the file's metadata",
    received: header === null ? "a file of another program" : "a network with classes of its own or a shared layer",
    cure: "Build the network and pass it: loadModel(bytes, network).",
  });
}
