import type { TargetScale } from "../../data/array-dataset.js";
import type { Task } from "../../data/dataset.js";
import type { Preprocessing } from "../../data/preprocessing.js";
import type { TableEncoding } from "../../data/table-encoding.js";
import { FormatError } from "../../errors.js";
import type { NetworkOptions } from "../../networks/networks.js";
import type { AnyModule, Module } from "../../nn/module.js";
import { RunningNorm } from "../../nn/norms/running-norm.js";
import { shown } from "../../shown.js";
import { version } from "../../version.js";
import { FileBudget } from "../file-budget.js";
import { isObject, parseJsonObject, toJson } from "../json.js";
import { readSafetensors, readSafetensorsMetadata, writeSafetensors } from "../safetensors/safetensors.js";
import { type Architecture, buildArchitecture, describeArchitecture, disposeParameters } from "./architecture.js";

/** Where a network came from, so that one with classes of its own can be built again. */
export interface NetworkRecord {
  /** A name such as `cnn`, or the path of a module relative to the model's file. */
  readonly from: string;
  /** What it was built with. */
  readonly options: NetworkOptions;
}

/** How data that came in one part were split for training. */
export interface DataSplit {
  /** Of training and test, or of training, validation and test. */
  readonly shares: readonly number[];
  /** What it was drawn by. */
  readonly seed: number;
  /** SHA-256 of the data, to know them again. */
  readonly fingerprint: string;
}

/** What a model file says besides the numbers. Everything must survive JSON. */
export interface ModelMeta {
  /** How stored values become inputs. */
  readonly preprocessing?: Preprocessing;
  /** How rows of a table become inputs. */
  readonly table?: TableEncoding;
  /** In a regression: outputs times deviation plus mean are in the targets' own units. */
  readonly targetScale?: TargetScale;
  /** How its data were split. */
  readonly split?: DataSplit;
  /** The shape of one input: (C, …). */
  readonly inputShape?: readonly number[];
  /** The name of each output. */
  readonly classes?: readonly string[];
  /** What the outputs are: a score for each class, or numbers. @defaultValue "classification" */
  readonly task?: Task;
  /** What was built, its norm among the options. */
  readonly network?: NetworkRecord;
  /** How it was trained: the flags of the command line, and the seed. */
  readonly training?: Readonly<Record<string, unknown>>;
  /** Anything else. */
  readonly [key: string]: unknown;
}

/** Which versions wrote a model file. */
export interface ModelVersions {
  /** The package's, e.g. `0.1.0`; null in files written before it was noted. */
  readonly evenkeel: string | null;
  /** The format's, 1. */
  readonly format: number;
}

/** What {@link loadModel} returns. */
export interface LoadedModel {
  /** The network, with the file's parameters and buffers. */
  readonly model: Module;
  /** What the file says besides the numbers. */
  readonly meta: ModelMeta;
  /** Who wrote the file; null if it was another program. */
  readonly versions: ModelVersions | null;
}

/** What can be known of a model file without building the model. */
export interface ModelDescription extends Omit<LoadedModel, "model"> {
  /** Whether the file says what to build, so that {@link loadModel} needs no network. */
  readonly hasArchitecture: boolean;
}

/** The metadata entry that holds {@link Header}, as JSON. */
const entry = "evenkeel";

interface Header {
  readonly format: 1;
  readonly evenkeel?: string;
  readonly architecture: Architecture | null;
  /** Paths of the frozen norms. */
  readonly frozen?: readonly string[];
  /** {@link RunningNorm.skippedBatches}, where there are any, by path. */
  readonly skippedBatches?: Readonly<Record<string, number>>;
  readonly meta: ModelMeta;
}

/** A norm whose running statistics can be pinned. */
type Freezable = AnyModule & { readonly frozen: boolean; freeze(): unknown };

function isFreezable(module: AnyModule | undefined): module is Freezable {
  return module !== undefined && "frozen" in module && "freeze" in module;
}

/**
 * A model as one .safetensors file: its state dict, and in the metadata its architecture, which norms are frozen, how many batches they
 * skipped, the version that wrote it, and `meta`. Networks with classes of your own, or with a layer in two places, are saved without architecture; load them with
 * {@link loadModel}'s second argument.
 *
 * @example
 * ```ts
 * const bytes = saveModel(new Sequential(new Linear(2, 3)), { classes: ["a", "b", "c"] });
 * const { model, meta, versions } = loadModel(bytes);
 * meta.classes; // ["a", "b", "c"]
 * versions.format; // 1
 * ```
 */
export function saveModel(model: Module, meta: ModelMeta = {}): Uint8Array {
  const modules = model.namedModules();
  const frozen = modules.filter(([, module]) => isFreezable(module) && module.frozen).map(([name]) => name);
  const skipped = modules.flatMap(([name, module]) =>
    module instanceof RunningNorm && module.skippedBatches > 0 ? [[name, module.skippedBatches] as const] : [],
  );
  const header: Header = {
    format: 1,
    evenkeel: version,
    architecture: describeArchitecture(model),
    frozen,
    ...(skipped.length > 0 && { skippedBatches: Object.fromEntries(skipped) }),
    meta,
  };
  const state = model.stateDict();
  try {
    return writeSafetensors(state, { [entry]: toJson("saveModel(model, meta)", header) });
  } finally {
    for (const t of Object.values(state)) t.dispose();
  }
}

/**
 * The model of a file that {@link saveModel} wrote, in training mode as every new model (frozen norms stay frozen): call `eval()` or
 * `predict()`. Files of other programs, such as PyTorch's, load into a network of the same state dict.
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
    const model =
      into ?? buildArchitecture(checkArchitecture(header), new FileBudget("loadModel(bytes)", bytes.length));
    try {
      model.loadStateDict(tensors);
      const modules = new Map(model.namedModules());
      for (const name of header?.frozen ?? []) freeze(name, modules.get(name));
      for (const [name, count] of Object.entries(header?.skippedBatches ?? {})) setSkipped(modules.get(name), count);
    } catch (cause) {
      if (into === undefined) disposeParameters(model);
      throw cause;
    }
    return { model, meta: header?.meta ?? {}, versions: versionsOf(header) };
  } finally {
    for (const t of Object.values(tensors)) t.dispose();
  }
}

/**
 * What a model file says, without building the model.
 *
 * @throws FormatError if the file is damaged
 */
export function describeModel(bytes: Uint8Array): ModelDescription {
  const header = parseHeader(readSafetensorsMetadata(bytes)[entry]);
  return {
    meta: header?.meta ?? {},
    versions: versionsOf(header),
    hasArchitecture: (header?.architecture ?? null) !== null,
  };
}

function versionsOf(header: Header | null): ModelVersions | null {
  return header === null ? null : { evenkeel: header.evenkeel ?? null, format: header.format };
}

function freeze(name: string, module: AnyModule | undefined): void {
  if (isFreezable(module)) {
    module.freeze();
    return;
  }
  throw new FormatError({
    where: "loadModel(bytes)",
    expected: `a norm to freeze at ${JSON.stringify(name)}`,
    received: module === undefined ? "no such layer" : String(module),
    cure: "Load it into the network it was saved from.",
  });
}

function setSkipped(module: AnyModule | undefined, skippedBatches: number): void {
  const state = module instanceof RunningNorm ? module.getExtraState() : null;
  if (state !== null && Number.isSafeInteger(skippedBatches)) module?.setExtraState({ ...state, skippedBatches });
}

function parseHeader(text: string | undefined): Header | null {
  if (text === undefined) return null;
  const fault = (expected: string, received: string, cure = "Check that the file is complete."): FormatError =>
    new FormatError({ where: "loadModel(bytes)", expected: `${expected} in the metadata`, received, cure });
  const header = parseJsonObject(text, { budget: new FileBudget("loadModel(bytes)", text.length), fault });
  if (header["format"] !== 1) {
    const cure = "Load it with the version of Evenkeel that wrote it, or a newer one.";
    throw fault("format 1", shown(header["format"]), cure);
  }
  const { evenkeel = "", frozen = [], skippedBatches = {}, meta = {} } = header;
  const isWhole =
    typeof evenkeel === "string" &&
    Array.isArray(frozen) &&
    frozen.every((name) => typeof name === "string") &&
    isObject(skippedBatches) &&
    isObject(meta);
  if (isWhole) return header as unknown as Header;
  throw fault("what saveModel writes", shown({ evenkeel, frozen, skippedBatches, meta }));
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
