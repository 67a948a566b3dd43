import { isRandomDrop } from "../../nn/dropout.js";
import { Identity } from "../../nn/identity.js";
import { layerClasses, layerName } from "../../nn/layer-classes.js";
import { Linear } from "../../nn/linear.js";
import type { AnyModule } from "../../nn/module.js";
import { RunningNorm } from "../../nn/norms/running-norm.js";
import { Weighted } from "../../nn/reparametrized/weighted.js";
import type { Tensor } from "../../tensor.js";
import { ConstantRef, isReference, leavesOf, SizeRef, StateRef, ValueRef, valuesIn } from "../argument.js";
import { Branch } from "../branch.js";
import { edgeOf } from "../fold/layer-folding.js";
import { passLayer, passOp } from "../fold/passing-ops.js";
import { isLayerNode, type LayerNode, type NetworkNode, type OpenShape, type OpNode } from "../node.js";
import { type GraphParts, stateOf } from "../parts.js";
import { Cells, type Channels, spread, varying } from "./channels.js";
import { applyTo, constantNormed, constantOutputs } from "./constants.js";
import { isBinary, isUnary } from "./elementwise-ops.js";

/** A layer with a weight, between the channels that it reads and those that it makes. */
export interface Reader {
  readonly node: LayerNode;
  readonly layer: Weighted;
  /** The channels of its input, one for each of the layer's; null where these are not known, and all stay. */
  readonly input: Channels | null;
  readonly output: Channels;
  /** Whether constant inputs can become part of its bias: not where zeros are padded. */
  readonly hasEdge: boolean;
}

/** A tensor of the graph that has an axis of channels. */
export interface ChannelTensor {
  readonly ref: StateRef | ConstantRef;
  readonly axis: number;
  readonly cells: readonly number[];
}

/** What is known of a network's channels: which go together, which are constant, and who reads them. */
export interface Flow {
  readonly cells: Cells;
  /** Of inputs, then of nodes; null where nothing is known. */
  readonly values: readonly (Channels | null)[];
  readonly readers: readonly Reader[];
  /** Layers that keep their channels and have a parameter for each, with those. */
  readonly perChannel: ReadonlyMap<LayerNode, Channels>;
  readonly tensors: readonly ChannelTensor[];
}

/** Follows the channels of a network from its inputs on. */
export function followChannels(parts: GraphParts): Flow {
  return new Follower(parts).follow();
}

const isOutput = "it is an output of the network";

class Follower {
  readonly #parts: GraphParts;
  readonly #cells = new Cells();
  readonly #values: (Channels | null)[] = [];
  readonly #readers: Reader[] = [];
  readonly #perChannel = new Map<LayerNode, Channels>();
  readonly #tensors: ChannelTensor[] = [];
  readonly #state: ReadonlyMap<string, Tensor>;
  /** Layers, and tensors, that stand in more than one place. */
  readonly #shared = new Set<unknown>();

  constructor(parts: GraphParts) {
    this.#parts = parts;
    this.#state = stateOf(parts);
    const seen = new Set<unknown>();
    const see = (one: unknown): void => void (seen.has(one) ? this.#shared.add(one) : seen.add(one));
    for (const node of parts.nodes) {
      if (isLayerNode(node)) see(node.layer);
      for (const leaf of leavesOf(node.args)) if (isTensorRef(leaf)) see(this.#tensorOf(leaf));
    }
    const held = new Set<Tensor>();
    for (const [, module] of parts.names.namedModules()) {
      for (const [, t] of [...module.ownParameters(), ...module.ownBuffers()]) {
        // What a branch holds is read by ops alone.
        if (!(module instanceof Branch) || held.has(t)) see(t);
        held.add(t);
      }
    }
  }

  follow(): Flow {
    const { inputs, nodes, output } = this.#parts;
    for (const { shape } of inputs) this.#values.push(this.#opaque(shape, "it is an input of the network"));
    for (const node of nodes) this.#values.push(isLayerNode(node) ? this.#layer(node) : this.#op(node));
    for (const value of valuesIn(output)) this.#freeze(this.#values[value], isOutput);
    const [cells, values, readers] = [this.#cells, this.#values, this.#readers];
    return { cells, values, readers, perChannel: this.#perChannel, tensors: this.#tensors };
  }

  #tensorOf(ref: StateRef | ConstantRef): Tensor | undefined {
    return ref instanceof StateRef ? this.#state.get(ref.key) : this.#parts.constants[ref.index];
  }

  #freeze(x: Channels | null, reason: string): void {
    for (const cell of x?.cells ?? []) this.#cells.keep(cell, reason);
  }

  /** Channels of axis 1 that have to stay. */
  #opaque(shape: OpenShape | null, reason: string): Channels | null {
    const count = shape?.[1];
    if (shape === null || typeof count !== "number") return null;
    return {
      ...{ axis: "second", rank: shape.length, isFlat: false },
      ...{ cells: this.#cells.make(count, reason), constants: varying(count) },
    };
  }

  /** What a node gives whose channels nothing follows: all that it reads stays. */
  #unknown(node: NetworkNode): Channels | null {
    const reason = `${titleOf(node)} reads all channels together`;
    for (const value of valuesIn(node.args)) this.#freeze(this.#values[value], reason);
    return this.#opaque(node.shape, `${titleOf(node)} makes all channels together`);
  }

  #inputOf({ args: [first] }: NetworkNode): Channels | null {
    return first instanceof ValueRef && first.path.length === 0 ? this.#values[first.value] : null;
  }

  #shapeOf({ args: [first] }: NetworkNode): OpenShape | null {
    if (!(first instanceof ValueRef) || first.path.length > 0) return null;
    return [...this.#parts.inputs, ...this.#parts.nodes][first.value].shape;
  }

  /** The rank, and the axis, of what a node gives where channels stay as they are. */
  #like(x: Channels, node: NetworkNode, changes: Partial<Channels> = {}): Channels {
    const rank = node.shape?.length ?? (isLayerNode(node) ? node.layer.rankAfter(x.rank) : null);
    return { ...x, rank, ...changes };
  }

  /** Why the tensors of a layer must stay as they are; null if they need not. */
  #whyFixed(layer: AnyModule): string | null {
    if (layer.hooked) return `${layer} has listeners`;
    if (this.#shared.has(layer)) return `${layer} stands in several places`;
    const name = layerName(layer);
    if (name === null || layerClasses[name] !== layer.constructor) return `${layer} is of a class of its own`;
    return layer.ownState().some(([, t]) => this.#shared.has(t)) ? `others use the tensors of ${layer}` : null;
  }

  #layer(node: LayerNode): Channels | null {
    const { layer } = node;
    if (node.args.length > 1 || layer.hooked) return this.#unknown(node);
    if (layer instanceof Weighted) return this.#weighted(node, layer);
    const x = this.#inputOf(node);
    if (layer instanceof RunningNorm) return this.#norm(node, layer, x);
    if (x === null) return this.#unknown(node);
    if (layer.is(Identity) || (isRandomDrop(layer) && !layer.training)) return this.#like(x, node);
    const passed = passLayer(layer, { map: identity, input: this.#shapeOf(node), output: node.shape });
    if (passed !== null) return this.#passed(node, x, passed);
    if (layer.isElementwise) return this.#elementwise(node, layer, x);
    const [op, ...settings] = layer.asOp() ?? [""];
    return this.#padded(node, op, settings, x) ?? this.#unknown(node);
  }

  #weighted(node: LayerNode, layer: Weighted): Channels {
    const isLinear = layer instanceof Linear;
    const given = this.#inputOf(node);
    const { inputs } = layer.affineWeights();
    const { outputs, groups } = layer;
    const fits = given !== null && isAlong(given, isLinear ? "last" : "second");
    const input = fits ? spread(given, inputs) : null;
    if (input === null) this.#freeze(given, `${layer} reads it along another axis`);
    const isDepthwise = groups > 1 && groups === inputs;
    const fixed = this.#whyFixed(layer);
    if (fixed !== null) this.#freeze(input, fixed);
    const reason = fixed ?? (isDepthwise && input === null ? `${layer} reads what stays` : null);
    const cells = this.#cells.make(outputs, groups > 1 && !isDepthwise ? `${layer} has groups of equal size` : reason);
    if (groups > 1 && !isDepthwise) this.#freeze(input, `${layer} has groups of equal size`);
    if (isDepthwise && input !== null) {
      for (const [k, cell] of cells.entries()) this.#cells.join(cell, input.cells[Math.floor((k * inputs) / outputs)]);
    }
    const hasEdge = edgeOf(layer) !== null;
    const constants = constantOutputs(layer, input, hasEdge);
    const rank = node.shape?.length ?? layer.rankAfter(given?.rank ?? null);
    const output: Channels = { axis: isLinear ? "last" : "second", rank, cells, constants, isFlat: false };
    this.#readers.push({ node, layer, input, output, hasEdge });
    return output;
  }

  #norm(node: LayerNode, layer: RunningNorm, given: Channels | null): Channels {
    const fixed = this.#whyFixed(layer);
    const fits = given !== null && isAlong(given, "second") ? spread(given, layer.numFeatures) : null;
    if (fits === null) this.#freeze(given, `${layer} reads it along another axis`);
    if (fixed !== null) this.#freeze(fits, fixed);
    const cells = fits?.cells ?? this.#cells.make(layer.numFeatures, fixed ?? `${layer} reads what stays`);
    // Where nobody knows the rank, features are taken to be (N, features).
    const rank = node.shape?.length ?? (fits?.axis === "last" ? 2 : (fits?.rank ?? null));
    const constants = constantNormed(layer, fits?.constants ?? varying(layer.numFeatures));
    const output: Channels = { axis: "second", rank, cells, constants, isFlat: false };
    this.#perChannel.set(node, output);
    return output;
  }

  #elementwise(node: LayerNode, layer: AnyModule, x: Channels): Channels | null {
    const own = layer.ownState();
    const isPerChannel = own.some(([, t]) => t.size > 1);
    const applied = x.isFlat && isPerChannel ? null : x;
    const count = applied?.cells.length ?? 0;
    const fits = !isPerChannel || (isAlong(x, "second") && own.every(([, t]) => t.rank === 1 && t.size === count));
    if (applied === null || !fits || x.rank === 0) return this.#unknown(node);
    const fixed = isPerChannel ? this.#whyFixed(layer) : null;
    if (fixed !== null) this.#freeze(x, fixed);
    const output = this.#like(x, node, {
      constants: applyTo([x.constants], ([t]) => Reflect.apply(layer.forward, layer, [t]) as Tensor),
    });
    if (isPerChannel) this.#perChannel.set(node, output);
    return output;
  }

  #passed(node: NetworkNode, x: Channels, passed: "whole" | "flattened"): Channels | null {
    if (passed === "whole") return isAlong(x, "second") ? this.#like(x, node, { axis: "second" }) : this.#unknown(node);
    const isKnown = x.rank !== null && !x.isFlat && isAlong(x, "second");
    if (!isKnown && !(x.rank === null && x.axis === "second")) return this.#unknown(node);
    const flat: Channels = { ...x, rank: 2, axis: "second", isFlat: true };
    const features = node.shape?.[1];
    return typeof features === "number" ? (spread(flat, features) ?? this.#unknown(node)) : flat;
  }

  /** Zeros, or other numbers, around planes: a channel stays constant if it is that number. */
  #padded(node: NetworkNode, op: string, settings: readonly unknown[], x: Channels): Channels | null {
    const isPad = op === "pad" && Array.isArray(settings[0]) && x.rank !== null && settings[0].length <= x.rank - 2;
    if (!(isPad || /^avgPool[123]d$/.test(op)) || !isAlong(x, "second") || x.isFlat) return null;
    const { value = 0 } = (settings[1] ?? {}) as { readonly value?: number };
    const around = isPad ? value : 0;
    return this.#like(x, node, { constants: x.constants.map((k) => (k === around ? k : Number.NaN)) });
  }

  #op(node: OpNode): Channels | null {
    const { op, args } = node;
    if (op === "concat") return this.#concat(node);
    const references = leavesOf(args).filter((leaf) => isReference(leaf) && !(leaf instanceof SizeRef));
    if (isBinary(op) && references.length === 2) return this.#binary(node);
    const x = this.#inputOf(node);
    if (x === null || references.length !== 1)
      return isBinary(op) && references.length === 1 ? this.#swapped(node) : this.#unknown(node);
    const settings = args.slice(1);
    if (isUnary(op) && !leavesOf(settings).some(isReference)) {
      return this.#like(x, node, {
        constants: applyTo([x.constants], ([t]) => runOf(node, [t, ...settings])),
      });
    }
    // The number of channels in it is to be changed.
    if (op === "reshape" && !(Array.isArray(settings[0]) && typeof settings[0][1] === "number"))
      return this.#unknown(node);
    const passed = passOp(op, { map: identity, settings, input: this.#shapeOf(node), output: node.shape });
    if (passed !== null) return this.#passed(node, x, passed);
    return this.#padded(node, op, settings, x) ?? this.#unknown(node);
  }

  /** A number before a tensor. */
  #swapped(node: OpNode): Channels | null {
    const [first, second] = node.args;
    const x = second instanceof ValueRef && second.path.length === 0 ? this.#values[second.value] : null;
    if (typeof first !== "number" || x === null || node.args.length !== 2) return this.#unknown(node);
    return this.#like(x, node, { constants: applyTo([x.constants], ([t]) => runOf(node, [first, t])) });
  }

  #binary(node: OpNode): Channels | null {
    const { op, args } = node;
    const values = args
      .slice(0, 2)
      .map((arg) => (arg instanceof ValueRef ? this.#inputOf({ ...node, args: [arg] }) : null));
    const model = values.find((x) => x !== null && x.cells.length > 1) ?? values.find((x) => x !== null) ?? null;
    if (model === null || model.isFlat || args.length !== 2) return this.#unknown(node);
    const count = model.cells.length;
    const operands: (Channels | null)[] = args.map((arg, k) => {
      const x = values[k];
      if (x !== null) return x.axis === model.axis && x.rank === model.rank && !x.isFlat ? x : null;
      return isTensorRef(arg) ? this.#tensorOperand(arg, model) : null;
    });
    const fit = operands.every((x) => x !== null && (x.cells.length === count || x.cells.length === 1));
    if (!fit) return this.#unknown(node);
    const wide = operands.map((x) => x as Channels);
    for (const x of wide) {
      if (x.cells.length !== count) this.#freeze(x, `${op} repeats it for all channels`);
      else for (const [k, cell] of x.cells.entries()) this.#cells.join(cell, model.cells[k]);
    }
    const constants = wide.map((x) =>
      x.cells.length === count ? x.constants : new Float64Array(count).fill(x.constants[0]),
    );
    const together = applyTo(constants, ([a, b]) => runOf(node, [a, b]));
    const isZero = (k: number): boolean => op === "mul" && constants.some((one) => one[k] === 0);
    return this.#like(model, node, { constants: together.map((value, k) => (isZero(k) ? 0 : value)) });
  }

  /** A parameter or constant of the graph beside a value. */
  #tensorOperand(ref: StateRef | ConstantRef, { axis, rank, cells }: Channels): Channels | null {
    const t = this.#tensorOf(ref);
    if (t === undefined) return null;
    const common = { axis, rank, isFlat: false };
    const values = t.dataSync();
    if (t.size === 1) return { ...common, cells: this.#cells.make(1), constants: Float64Array.of(values[0]) };
    if (rank === null) return null;
    const along = t.rank - rank + (axis === "second" ? 1 : rank - 1);
    if (t.rank > rank) return null;
    const size = along < 0 ? 1 : t.shape[along];
    const inner = along < 0 ? t.size : t.shape.slice(along + 1).reduce((product, extent) => product * extent, 1);
    const constants = new Float64Array(size);
    const isSeen = new Uint8Array(size);
    for (const [k, value] of values.entries()) {
      const c = Math.floor(k / inner) % size;
      if (isSeen[c] === 0) constants[c] = value;
      else if (constants[c] !== value) constants[c] = Number.NaN;
      isSeen[c] = 1;
    }
    if (size !== cells.length && size !== 1) return null;
    const own = this.#cells.make(size, this.#shared.has(t) ? "others use a tensor beside it" : null);
    if (size > 1) this.#tensors.push({ ref, axis: along, cells: own });
    return { ...common, cells: own, constants };
  }

  #concat(node: OpNode): Channels | null {
    const [list, axis = 0] = node.args;
    const parts = Array.isArray(list)
      ? list.map((ref) => (ref instanceof ValueRef && ref.path.length === 0 ? this.#values[ref.value] : null))
      : [];
    const [first] = parts;
    const isEven = parts.every((x) => x !== null && x.axis === first?.axis && x.rank === first.rank && !x.isFlat);
    if (!isEven || first === undefined || first === null || typeof axis !== "number") return this.#unknown(node);
    const all = parts as readonly Channels[];
    const { rank } = first;
    const along = axis < 0 && rank !== null ? axis + rank : axis;
    const channels = first.axis === "second" ? 1 : rank === null ? -1 : rank - 1;
    if (along < 0 || (channels < 0 && along !== -1)) return this.#unknown(node);
    if (along === channels) {
      const constants = Float64Array.from(all.flatMap((x) => [...x.constants]));
      return this.#like(first, node, { cells: all.flatMap((x) => x.cells), constants });
    }
    if (all.some((x) => x.cells.length !== first.cells.length)) return this.#unknown(node);
    for (const x of all) for (const [k, cell] of x.cells.entries()) this.#cells.join(cell, first.cells[k]);
    const constants = first.constants.map((value, k) =>
      all.every((x) => x.constants[k] === value) ? value : Number.NaN,
    );
    return this.#like(first, node, { constants });
  }
}

/** Stands for any map, where a map that rises is meant. */
const identity = { scale: new Float64Array(0), shift: new Float64Array(0) };

function isTensorRef(leaf: unknown): leaf is StateRef | ConstantRef {
  return leaf instanceof StateRef || leaf instanceof ConstantRef;
}

/** How a sentence names a node. */
export function titleOf(node: NetworkNode): string {
  return isLayerNode(node) ? `${node.layer} (${node.path})` : node.name;
}

/**
 * Whether channels lie along an axis; where nobody knows the rank, features are taken to be (N, features), as folding
 * takes them.
 */
function isAlong({ axis, rank, isFlat }: Channels, wanted: Channels["axis"]): boolean {
  return isFlat || axis === wanted || rank === 2 || (rank === null && axis === "last");
}

function runOf({ run }: OpNode, given: readonly unknown[]): Tensor {
  return Reflect.apply(run, undefined, given) as Tensor;
}
