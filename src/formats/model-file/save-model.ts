import { zeros } from "../../create.js";
import type { TargetScale } from "../../data/array-dataset.js";
import type { Task } from "../../data/dataset.js";
import type { ImageLayout } from "../../data/image-layout.js";
import type { Preprocessing } from "../../data/preprocessing.js";
import type { TableEncoding } from "../../data/table/table-encoding.js";
import { EvenkeelError, FormatError } from "../../errors.js";
import { Graph } from "../../graph/graph.js";
import type { GraphParts } from "../../graph/parts.js";
import { warnIfSavedFresh } from "../../graph/statistics/fresh-statistics.js";
import { structuralParts } from "../../graph/trace/structure.js";
import { tracedParts } from "../../graph/trace/trace.js";
import type { NetworkOptions } from "../../networks/networks.js";
import { type AnyModule, Module } from "../../nn/module.js";
import { RunningNorm } from "../../nn/norms/running-norm.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { shown } from "../../shown.js";
import { Tensor } from "../../tensor.js";
import { version } from "../../version.js";
import { warn } from "../../warnings.js";
import { FileBudget } from "../file-budget.js";
import { isObject, parseJsonObject, toJson } from "../json.js";
import { readSafetensors, readSafetensorsMetadata, writeSafetensors } from "../safetensors/safetensors.js";
import { type Architecture, buildArchitecture, describeArchitecture, disposeParameters } from "./architecture.js";
import { buildGraph } from "./build-graph.js";
import { constantName, customOpsOf, describeGraph, type GraphRecord } from "./graph-record.js";

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
  /** Where the channels of its arrays of images stand. @defaultValue before the rows, as in inputShape */
  readonly layout?: ImageLayout;
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
  /** The custom ops in it, where there are any: {@link loadModel} is given their functions as `ops`. */
  readonly customOps?: readonly string[];
}

/** The metadata entry that holds {@link Header}, as JSON. */
const entry = "evenkeel";

interface Header {
  readonly format: 1;
  readonly evenkeel?: string;
  readonly architecture: Architecture | null;
  /** What a network is that is no tree of layers. */
  readonly graph?: GraphRecord;
  /** Paths of the frozen norms. */
  readonly frozen?: readonly string[];
  /** {@link RunningNorm.skippedBatches}, where there are any, by path. */
  readonly skippedBatches?: Readonly<Record<string, number>>;
  /** Paths of the norms whose running statistics are no average of the batches counted: they were recalibrated. */
  readonly settled?: readonly string[];
  readonly meta: ModelMeta;
}

/** A norm whose running statistics can be pinned. */
type Freezable = AnyModule & { readonly frozen: boolean; freeze(): unknown };

function isFreezable(module: AnyModule | undefined): module is Freezable {
  return module !== undefined && "frozen" in module && "freeze" in module;
}

/** Options of {@link saveModel}. */
export interface SaveModelOptions {
  /**
   * Example inputs, for a network that is traced: any values, of the shapes that it takes.
   *
   * @defaultValue zeros of `meta.inputShape`
   */
  readonly probe?: Tensor | readonly Tensor[];
}

/**
 * A model as one .safetensors file: its state dict, and in the metadata what it is, which norms are frozen or were
 * recalibrated, how many batches they skipped, the version that wrote it, and `meta`.
 *
 * Networks of `Sequential`, `Residual` and the library's layers are stored as these, a {@link Graph} as its nodes. A
 * class with a `forward` of its own is traced, with zeros of `meta.inputShape` or with `probe`, and stored as that
 * graph: {@link loadModel} needs no class then. What can't be traced is stored without, as a warning says; load it with
 * {@link loadModel}'s second argument. A network that does something else in training than in evaluation is stored as
 * it evaluates, as a warning says. Another warns of running statistics that were never updated, once for each norm.
 *
 * @example
 * ```ts
 * const bytes = saveModel(new Sequential(new Linear(2, 3)), { classes: ["a", "b", "c"] });
 * const { model, meta, versions } = loadModel(bytes);
 * meta.classes; // ["a", "b", "c"]
 * versions.format; // 1
 * ```
 */
export function saveModel(model: AnyModule, meta: ModelMeta = {}, options: SaveModelOptions = {}): Uint8Array {
  checkOptions("saveModel(model, meta)", options, { probe: true });
  warnIfSavedFresh(`saveModel(${model.constructor.name})`, model);
  const modules = model.namedModules();
  const frozen = modules.filter(([, module]) => isFreezable(module) && module.frozen).map(([name]) => name);
  const skipped = modules.flatMap(([name, module]) =>
    module instanceof RunningNorm && module.skippedBatches > 0 ? [[name, module.skippedBatches] as const] : [],
  );
  const settled = modules.flatMap(([name, module]) =>
    module instanceof RunningNorm && module.isSettled ? [name] : [],
  );
  const tensors = model.ownState().map(([, t]) => t);
  const architecture = new Set(tensors).size === tensors.length ? describeArchitecture(model) : null;
  const parts = architecture === null ? partsToSave(model, meta, options) : null;
  const graph = parts === null ? null : describeGraph(parts);
  if (parts !== null && graph === null) {
    warn(
      `saveModel(${model.constructor.name}): the file holds parameters alone, since a layer in it holds more than its class knows of. ` +
        "Load it into a network of the same classes.",
    );
  }
  const header: Header = {
    format: 1,
    evenkeel: version,
    ...{ architecture, ...(graph === null ? {} : { graph }), frozen },
    ...(skipped.length > 0 && { skippedBatches: Object.fromEntries(skipped) }),
    ...(settled.length > 0 && { settled }),
    meta,
  };
  const state = model.stateDict();
  const constants = (graph === null ? [] : (parts?.constants ?? [])).map((t, k) => [constantName(k), t] as const);
  // A tensor that has two keys is stored under the first.
  for (const [k, [key, t]] of model.ownState().entries()) {
    if (tensors.indexOf(t) === k) continue;
    state[key].dispose();
    delete state[key];
  }
  try {
    const json = toJson("saveModel(model, meta)", header);
    return writeSafetensors({ ...state, ...Object.fromEntries(constants) }, { [entry]: json });
  } finally {
    for (const t of Object.values(state)) t.dispose();
    if (parts !== null && !(model instanceof Graph)) for (const t of parts.constants) t.dispose();
  }
}

/** The graph of a network that is no tree of layers; null, with a warning, where there is none. */
function partsToSave(model: AnyModule, { inputShape }: ModelMeta, { probe }: SaveModelOptions): GraphParts | null {
  const structural = structuralParts(model);
  if (structural !== null) return structural;
  const where = `saveModel(${model.constructor.name})`;
  return scope(() => {
    const given = probe ?? (inputShape === undefined ? [] : [zeros([2, ...inputShape])]);
    const inputs = given instanceof Tensor ? [given] : given;
    if (inputs.length === 0) {
      warn(
        `${where}: the file holds parameters alone, and loads into a network of the same classes. ` +
          "Pass meta.inputShape or { probe } to store the network itself.",
      );
      return null;
    }
    try {
      return tracedParts(model, inputs);
    } catch (error) {
      if (!(error instanceof EvenkeelError)) throw error;
      return evaluationParts(where, model, inputs, error);
    }
  });
}

/** The network as it evaluates, where the trace of both modes failed. */
function evaluationParts(
  where: string,
  model: AnyModule,
  inputs: readonly Tensor[],
  failure: EvenkeelError,
): GraphParts | null {
  try {
    const parts = tracedParts(model, [...inputs, { mode: "eval" }]);
    warn(`${where}: the file holds the network as it evaluates, and refuses to train. ${failure.message}`);
    return parts;
  } catch (error) {
    if (!(error instanceof EvenkeelError)) throw error;
    warn(`${where}: the file holds parameters alone, and loads into a network of the same classes. ${error.message}`);
    return null;
  }
}

/** Options of {@link loadModel}. */
export interface LoadModelOptions {
  /** A network of the same shape to load into, needed where the file says nothing of its own. */
  readonly into?: Module;
  /** Functions for the custom ops of the network, by the names that they were made with: see {@link customOp}. */
  readonly ops?: Readonly<Record<string, (...inputs: Tensor[]) => Tensor>>;
}

/**
 * The model of a file that {@link saveModel} wrote, in training mode as every new model (frozen norms stay frozen):
 * call `eval()` or `predict()`. A network that was traced comes as a {@link Graph}. Files of other programs, such as
 * PyTorch's, load into a network of the same state dict.
 *
 * @param bytes - the file
 * @param options - a network to load into, or {@link LoadModelOptions}
 * @throws FormatError if the file is damaged, or does not say what the network is
 * @throws StateDictError if the state does not fit the network
 */
export function loadModel(bytes: Uint8Array, options: Module | LoadModelOptions = {}): LoadedModel {
  const { into, ops = {} } = options instanceof Module ? { into: options } : options;
  if (!(options instanceof Module)) checkOptions("loadModel(bytes)", options, { into: true, ops: true });
  const { tensors, metadata } = readSafetensors(bytes);
  try {
    const header = parseHeader(metadata[entry]);
    const model = into ?? buildModel(header, tensors, ops, new FileBudget("loadModel(bytes)", bytes.length));
    try {
      const isConstant = (name: string): boolean => header?.graph !== undefined && name.startsWith(constantName(""));
      const state = Object.fromEntries(Object.entries(tensors).filter(([name]) => !isConstant(name)));
      model.loadStateDict(withTied(model, state));
      const modules = new Map(model.namedModules());
      for (const name of header?.frozen ?? []) freeze(name, modules.get(name));
      for (const [name, count] of Object.entries(header?.skippedBatches ?? {})) setSkipped(modules.get(name), count);
      for (const name of header?.settled ?? []) settle(modules.get(name));
    } catch (cause) {
      if (into === undefined) disposeParameters(model);
      throw cause;
    }
    return { model, meta: header?.meta ?? {}, versions: versionsOf(header) };
  } finally {
    for (const t of Object.values(tensors)) t.dispose();
  }
}

/** A state with an entry for each key of the model: tensors that have several are stored under the first. */
function withTied(model: AnyModule, stored: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const state: Record<string, Tensor> = { ...stored };
  const first = new Map<Tensor, string>();
  for (const [key, t] of model.ownState()) {
    const earlier = first.get(t);
    if (earlier === undefined) first.set(t, key);
    else if (!Object.hasOwn(stored, key) && Object.hasOwn(stored, earlier)) state[key] = stored[earlier];
  }
  return state;
}

function buildModel(
  header: Header | null,
  tensors: Readonly<Record<string, Tensor>>,
  ops: NonNullable<LoadModelOptions["ops"]>,
  budget: FileBudget,
): Module {
  if (header?.graph === undefined) return buildArchitecture(checkArchitecture(header), budget);
  // One that gives several tensors is called as it was written.
  return buildGraph(header.graph, tensors, ops, budget) as unknown as Module;
}

/**
 * What a model file says, without building the model.
 *
 * @throws FormatError if the file is damaged
 */
export function describeModel(bytes: Uint8Array): ModelDescription {
  const header = parseHeader(readSafetensorsMetadata(bytes)[entry]);
  const customOps = header?.graph === undefined ? [] : customOpsOf(header.graph);
  return {
    meta: header?.meta ?? {},
    versions: versionsOf(header),
    hasArchitecture: (header?.architecture ?? null) !== null || header?.graph !== undefined,
    ...(customOps.length > 0 && { customOps }),
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

function settle(module: AnyModule | undefined): void {
  if (module instanceof RunningNorm) module.settle();
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
  const { evenkeel = "", frozen = [], skippedBatches = {}, settled = [], meta = {} } = header;
  const isWhole =
    typeof evenkeel === "string" &&
    [frozen, settled].every((names) => Array.isArray(names) && names.every((name) => typeof name === "string")) &&
    isObject(skippedBatches) &&
    isObject(meta);
  if (isWhole) return header as unknown as Header;
  throw fault("what saveModel writes", shown({ evenkeel, frozen, skippedBatches, settled, meta }));
}

function checkArchitecture(header: Header | null): Architecture {
  const architecture = header?.architecture ?? null;
  if (architecture !== null) return architecture;
  throw new FormatError({
    where: "loadModel(bytes)",
    expected: "the architecture in the file's metadata",
    received: header === null ? "a file of another program" : "a network with classes of its own",
    cure: "Build the network and pass it: loadModel(bytes, network).",
  });
}
