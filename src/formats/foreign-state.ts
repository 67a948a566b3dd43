import { full, tensor } from "../create.js";
import { ArgumentError, StateDictError } from "../errors.js";
import { flattenedChannels } from "../graph/flattened-channels.js";
import { ConvTranspose2d } from "../nn/conv-transpose2d.js";
import { Conv1d } from "../nn/conv1d.js";
import { Conv2d } from "../nn/conv2d.js";
import { Embedding } from "../nn/embedding.js";
import { Linear } from "../nn/linear.js";
import type { StateDictDifference } from "../nn/match-state.js";
import type { AnyModule } from "../nn/module.js";
import { Norm } from "../nn/norms/norm.js";
import { joinPath } from "../nn/paths.js";
import { formatShape, type Shape, sameShape, sizeOf } from "../shape.js";
import { shown } from "../shown.js";
import { Tensor } from "../tensor.js";
import { permuted } from "./foreign/permuted.js";
import { isObject } from "./json.js";

/** Options of {@link loadKerasState} and {@link loadFlaxState}. */
export interface ForeignStateOptions {
  /**
   * The other system's name of a layer by its path here: `{ "features.0": "conv2d_1" }`. Layers that are not named are
   * matched by kind and order: the first convolution with the first, the first norm with the first, and so on.
   */
  readonly layers?: Readonly<Record<string, string>>;
  /**
   * How many channels an image has where it is flattened before a layer, by that layer's path: needed where the model
   * does not tell, as it does where a convolution or norm stands before the `Flatten` in a `Sequential`.
   */
  readonly flattened?: Readonly<Record<string, number>>;
  /** `false` loads what fits and returns the rest; shapes must fit all the same. @defaultValue true */
  readonly strict?: boolean;
}

/** How another system names and lays out what a layer holds. */
export interface Convention {
  /** The function, in messages. */
  readonly where: string;
  /** The layer and the role of an entry: `conv2d_1/kernel:0` is the `kernel` of `conv2d_1`. */
  readonly parse: (entry: string) => { readonly layer: string; readonly role: string };
  /** Our name of each role. */
  readonly roles: Readonly<Record<string, string>>;
  /** The order in which layers of a kind were made, from the order in which the state has them. */
  readonly order: (layers: string[]) => string[];
  /** The kernel of a transposed convolution as ours: (I, O, H, W). */
  readonly transposedKernel: (kernel: Values) => Values;
}

/** Values on the host with their shape. */
export interface Values {
  readonly values: Float32Array;
  readonly shape: Shape;
}

/** What stands in one of the other system's layers: entries by our name of their role. */
type ForeignLayer = Map<string, { readonly entry: string; readonly t: Tensor }>;

/** Loads a state of another system: all of it or, if anything is wrong, nothing. */
export function loadForeignState(
  model: AnyModule,
  state: Readonly<Record<string, Tensor>>,
  convention: Convention,
  { layers: named = {}, flattened = {}, strict = true }: ForeignStateOptions,
): StateDictDifference {
  const { where } = convention;
  checkGiven(where, state, named, flattened);
  const foreign = groupLayers(state, convention);
  const unexpected = new Set(Object.keys(state));
  const pairs = matchLayers(model, foreign, convention, named);
  const channels = flattenedChannels(model);
  const own = model.stateDict();
  const converted: Record<string, Tensor> = {};
  const misshaped: string[] = [];
  try {
    for (const { path, module, layer } of pairs) {
      for (const [role, { entry, t }] of foreign.get(layer) ?? []) {
        const name = joinPath(path, role);
        if (!Object.hasOwn(own, name)) continue;
        unexpected.delete(entry);
        const given = { values: t.dataSync(), shape: t.shape };
        const raw = role === "weight" ? (foreignClassOf(module)?.kernel(given, module, convention) ?? given) : given;
        const { shape } = own[name];
        if (!sameShape(raw.shape, shape)) {
          misshaped.push(`${name} (expected ${formatShape(shape)}, got ${formatShape(raw.shape)} from ${entry})`);
          continue;
        }
        const isFlat = channels.has(module) && (role === "weight" || !(module instanceof Linear));
        const count = (Object.hasOwn(flattened, path) ? flattened[path] : channels.get(module)) ?? null;
        const { values } = isFlat || Object.hasOwn(flattened, path) ? channelsFirst(raw, count, where, path) : raw;
        converted[name] = tensor(values, shape);
      }
      if (module instanceof Norm)
        for (const name of plainEntries(path, own, foreign.get(layer))) {
          converted[name] = full(own[name].shape, name.endsWith("weight") ? 1 : 0);
        }
    }
    const missing = Object.keys(own).filter(
      (name) => !Object.hasOwn(converted, name) && !name.endsWith("num_batches_tracked"),
    );
    const absent = missing.filter((name) => !misshaped.some((fault) => fault.startsWith(`${name} `)));
    if (misshaped.length > 0 || (strict && absent.length + unexpected.size > 0)) {
      throw new StateDictError(where, absent, [...unexpected], misshaped);
    }
    model.loadStateDict(converted, { strict: false });
    return { missing: absent, unexpected: [...unexpected] };
  } finally {
    for (const t of [...Object.values(own), ...Object.values(converted)]) t.dispose();
  }
}

/** What programs in JavaScript, and JSON that they read, may pass instead. @throws ArgumentError naming it */
function checkGiven(
  where: string,
  state: Readonly<Record<string, unknown>>,
  named: Readonly<Record<string, unknown>>,
  flattened: Readonly<Record<string, unknown>>,
): void {
  const fault = (expected: string, received: unknown, cure: string): ArgumentError =>
    new ArgumentError({ where, expected, received: shown(received), cure });
  if (!isObject(state)) throw fault("tensors by name", state, "Pass what readSafetensors gave as its tensors.");
  for (const [name, t] of Object.entries(state)) {
    if (!(t instanceof Tensor)) throw fault(`a tensor as ${shown(name)}`, t, "Make one: tensor(values, shape).");
  }
  if (!isObject(named) || !Object.values(named).every((layer) => typeof layer === "string")) {
    throw fault("layers to give names by path", named, 'Pass e.g. { layers: { "0": "conv2d" } }.');
  }
  if (
    !isObject(flattened) ||
    !Object.values(flattened).every((count) => Number.isInteger(count) && Number(count) > 0)
  ) {
    throw fault("flattened to give numbers of channels by path", flattened, 'Pass e.g. { flattened: { "3": 16 } }.');
  }
}

/**
 * What a norm of the other system does not have (`scale: false`, `center: false`) and ours does: its weight is 1 there,
 * and its bias 0.
 */
function plainEntries(path: string, own: Readonly<Record<string, Tensor>>, layer: ForeignLayer | undefined): string[] {
  return ["weight", "bias"]
    .filter((role) => layer?.has(role) === false)
    .map((role) => joinPath(path, role))
    .filter((name) => Object.hasOwn(own, name));
}

function groupLayers(state: Readonly<Record<string, Tensor>>, { parse, roles }: Convention): Map<string, ForeignLayer> {
  const layers = new Map<string, ForeignLayer>();
  for (const [entry, t] of Object.entries(state)) {
    const { layer, role } = parse(entry);
    if (!Object.hasOwn(roles, role)) continue;
    const entries: ForeignLayer = layers.get(layer) ?? new Map();
    layers.set(layer, entries.set(roles[role], { entry, t }));
  }
  return layers;
}

type Kind = "linear" | "convolution" | "embedding" | "norm";

/** What other systems call a layer of a class, and its kernel there as ours. */
interface ForeignClass {
  readonly layerClass: abstract new (...given: never[]) => AnyModule;
  readonly kind: Kind;
  readonly kernel: (given: Values, module: AnyModule, convention: Convention) => Values;
}

const classes: readonly ForeignClass[] = [
  { layerClass: Linear, kind: "linear", kernel: (given) => reordered(given, [1, 0]) },
  { layerClass: Conv1d, kind: "convolution", kernel: (given) => reordered(given, [2, 1, 0]) },
  { layerClass: Conv2d, kind: "convolution", kernel: (given, module) => planeKernel(given, module as Conv2d) },
  {
    layerClass: ConvTranspose2d,
    kind: "convolution",
    kernel: (given, _, { transposedKernel }) => (given.shape.length === 4 ? transposedKernel(given) : given),
  },
  { layerClass: Embedding, kind: "embedding", kernel: (given) => given },
  { layerClass: Norm, kind: "norm", kernel: (given) => given },
];

/** The row of a layer that has something to load; subclasses hold what their class does. */
function foreignClassOf(module: AnyModule): ForeignClass | undefined {
  const found = classes.find(({ layerClass }) => module instanceof layerClass);
  return found?.kind === "norm" && module.ownTensors().length === 0 ? undefined : found;
}

function kindOfForeign(layer: ForeignLayer): Kind {
  const weight = layer.get("weight");
  if (weight === undefined || weight.t.rank === 1) return "norm";
  if (/embeddings?(:\d+)?$/.test(weight.entry)) return "embedding";
  return weight.t.rank === 2 ? "linear" : "convolution";
}

/** Which layer of the state belongs to which of the model. @throws ArgumentError if a name is not there */
function matchLayers(
  model: AnyModule,
  foreign: ReadonlyMap<string, ForeignLayer>,
  { where, order }: Convention,
  named: Readonly<Record<string, string>>,
): { path: string; module: AnyModule; layer: string }[] {
  const modules = model.namedModules();
  for (const [path, layer] of Object.entries(named)) {
    const isThere = modules.some(([name]) => name === path);
    if (isThere && foreign.has(layer)) continue;
    throw new ArgumentError({
      where: `${where}, layers`,
      expected: isThere ? `one of the layers ${[...foreign.keys()].join(", ")}` : "paths of layers of the model",
      received: isThere ? JSON.stringify(layer) : JSON.stringify(path),
      cure: isThere ? "Name a layer of the state." : "Take them from model.namedModules().",
    });
  }
  const taken = new Set(Object.values(named));
  const free = order([...foreign.keys()].filter((layer) => !taken.has(layer)));
  const queues = new Map<Kind, string[]>();
  for (const layer of free) {
    const kind = kindOfForeign(foreign.get(layer) ?? new Map());
    queues.set(kind, [...(queues.get(kind) ?? []), layer]);
  }
  return modules.flatMap(([path, module]) => {
    const kind = foreignClassOf(module)?.kind;
    const layer = Object.hasOwn(named, path) ? named[path] : kind === undefined ? undefined : queues.get(kind)?.shift();
    return layer === undefined ? [] : [{ path, module, layer }];
  });
}

/** A kernel with its axes in our order; one of another rank as it is, for the message to come. */
function reordered(given: Values, axes: readonly number[]): Values {
  return given.shape.length === axes.length ? permuteAxes(given, axes) : given;
}

function planeKernel(given: Values, { groups, weight }: Conv2d): Values {
  const [height, width, inputs, multiplier] = given.shape;
  // Depthwise kernels of Keras are (H, W, I, M): their outputs are those of channel 0, then those of channel 1 …
  const isDepthwise = given.shape.length === 4 && groups > 1 && inputs === groups && weight.shape[1] === 1;
  return isDepthwise
    ? { values: permuteAxes(given, [2, 3, 0, 1]).values, shape: [inputs * multiplier, 1, height, width] }
    : reordered(given, [3, 2, 0, 1]);
}

/** Features flattened from (…S, C), the last axis, as those from (C, …S). */
function channelsFirst({ values, shape }: Values, channels: number | null, where: string, path: string): Values {
  const features = shape[shape.length - 1];
  if (channels === null || features % channels !== 0) {
    throw new ArgumentError({
      where,
      expected: `how many channels the ${features} flattened features of ${path} are of, since channels come last there and first here`,
      received: channels === null ? "no such option" : `${channels}, which does not divide them`,
      cure: `Pass { flattened: { ${JSON.stringify(path)}: channels } }.`,
    });
  }
  const rows = sizeOf(shape) / features;
  return { values: permuteAxes({ values, shape: [rows, features / channels, channels] }, [0, 2, 1]).values, shape };
}

/** Axis k of the result is axis `axes[k]` of what is given. */
export function permuteAxes({ values, shape }: Values, axes: readonly number[]): Values {
  return { values: permuted(values, shape, axes), shape: axes.map((axis) => shape[axis]) };
}
