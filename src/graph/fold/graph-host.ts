import type { ChannelMap } from "../../nn/layer-traits.js";
import { Linear } from "../../nn/linear.js";
import type { AnyModule } from "../../nn/module.js";
import { RunningNorm } from "../../nn/norms/running-norm.js";
import type { Tensor } from "../../tensor.js";
import { ConstantRef, leavesOf, StateRef, ValueRef, valuesIn } from "../argument.js";
import { isLayerNode, type LayerNode, type NetworkNode, type OpenShape } from "../node.js";
import { type GraphParts, tensorsReadByOps } from "../parts.js";
import type { Host, Passing, Side } from "./host.js";
import { isWeighted, LayerFolding } from "./layer-folding.js";
import type { LinearMap } from "./linear-map.js";
import { passLayer, passOp } from "./passing-ops.js";

/** A graph as a host: it changes nothing itself, but notes what is to be changed. */
export class GraphHost implements Host<NetworkNode> {
  readonly norms: readonly LayerNode[];
  /** Norms that have gone. */
  readonly gone = new Set<NetworkNode>();
  /** What layers become. */
  readonly layers = new LayerFolding();
  readonly #parts: GraphParts;
  readonly #values: ReadonlyMap<NetworkNode, number>;
  readonly #places: ReadonlyMap<AnyModule, number>;
  /** The paths of all that hold each tensor, and of the ops that read it. */
  readonly #holders = new Map<Tensor, string[]>();
  readonly #reading: ReadonlyMap<Tensor, string>;

  /** @param places - in how many places each layer stands, where the graph does not hold all of them */
  constructor(parts: GraphParts, places: ReadonlyMap<AnyModule, number> = placesIn(parts)) {
    const { inputs, nodes, names } = parts;
    this.#parts = parts;
    this.#places = places;
    this.#values = new Map(nodes.map((node, k) => [node, inputs.length + k]));
    this.norms = nodes.filter(isLayerNode).filter(({ layer }) => layer instanceof RunningNorm);
    for (const [path, module] of names.namedModules()) {
      for (const [, t] of [...module.ownParameters(), ...module.ownBuffers()]) {
        this.#holders.set(t, [...(this.#holders.get(t) ?? []), path === "" ? "the network itself" : path]);
      }
    }
    this.#reading = tensorsReadByOps(parts);
  }

  titleOf(node: NetworkNode): string {
    return isLayerNode(node) ? String(node.layer) : node.op;
  }

  standing(node: NetworkNode, side: Side): string {
    return `${side} it stands ${this.titleOf(node)}`;
  }

  mapOf(norm: NetworkNode): ChannelMap | string {
    if (!isLayerNode(norm)) return "it has no running statistics";
    if (norm.args.length > 1) return "it is given more than its input, such as a mask";
    const map = this.layers.mapOf(norm.layer);
    return typeof map === "string" ? map : (this.#whyNot(norm.layer) ?? this.#whyRead(norm.layer) ?? map);
  }

  /** Why a layer may not be changed; null if it may. */
  #whyNot(layer: AnyModule): string | null {
    const places = this.#places.get(layer) ?? 0;
    if (places > 1) return `it stands in ${places} places`;
    return layer.hooked ? "it has listeners" : null;
  }

  /** Why the tensors of a layer must stay; null if they need not. */
  #whyRead(layer: AnyModule): string | null {
    for (const [key, t] of layer.ownState()) {
      const by = this.#reading.get(t);
      if (by !== undefined) return `${by} reads its ${key}`;
    }
    return null;
  }

  /** Why the tensors of a layer must keep their values; null if they need not. */
  #whyTied(layer: AnyModule): string | null {
    for (const [key, t] of layer.ownState()) {
      const holders = this.#holders.get(t) ?? [];
      if (holders.length > 1) return `its ${key} is one tensor in ${holders.join(" and ")}`;
    }
    return null;
  }

  before(node: NetworkNode): NetworkNode | null {
    const source = this.#sourceOf(node);
    if (source === null || source.path.length > 0) return null;
    return this.#parts.nodes[source.value - this.#parts.inputs.length] ?? null;
  }

  /** The only value that a node is applied to; null where there are other tensors besides. */
  #sourceOf(node: NetworkNode): ValueRef | null {
    const [first] = node.args;
    if (!(first instanceof ValueRef) || (isLayerNode(node) && node.args.length > 1)) return null;
    const isTensor = (leaf: unknown): boolean =>
      leaf instanceof ValueRef || leaf instanceof StateRef || leaf instanceof ConstantRef;
    return leavesOf(node.args).filter(isTensor).length === 1 ? this.resolve(first) : null;
  }

  /** A value as it is read when norms that have gone make none. */
  resolve(ref: ValueRef): ValueRef {
    const maker = this.#parts.nodes[ref.value - this.#parts.inputs.length];
    const [first] = maker !== undefined && this.gone.has(maker) ? maker.args : [];
    return first instanceof ValueRef ? this.resolve(first) : ref;
  }

  behind(node: NetworkNode, what: string): NetworkNode | string {
    const value = this.#values.get(node);
    const reads = (tree: unknown): boolean => valuesIn(tree).some((v) => this.resolve(new ValueRef(v)).value === value);
    const readers = this.#parts.nodes.filter((one) => !this.gone.has(one) && reads(one.args));
    if (readers.length === 0) return "nothing stands behind it";
    if (reads(this.#parts.output)) return `${what} is an output of the network`;
    return readers.length === 1 ? readers[0] : `${what} is read elsewhere too`;
  }

  pass(node: NetworkNode, { map }: Passing<NetworkNode>): ChannelMap | null {
    return this.#passed(node, map) === null ? null : map;
  }

  #passed(node: NetworkNode, map: ChannelMap): ReturnType<typeof passOp> {
    const shapes = { map, input: this.#inputShape(node), output: node.shape };
    return isLayerNode(node)
      ? passLayer(node.layer, shapes)
      : passOp(node.op, { ...shapes, settings: node.args.slice(1) });
  }

  #inputShape(node: NetworkNode): OpenShape | null {
    const source = this.#sourceOf(node);
    if (source === null || source.path.length > 0) return null;
    const { inputs, nodes } = this.#parts;
    return [...inputs, ...nodes][source.value].shape;
  }

  canTake(node: NetworkNode, side: Side): boolean {
    if (!isLayerNode(node)) return false;
    return isWeighted(node.layer) || (side === "before" && this.norms.includes(node));
  }

  linearOf(node: NetworkNode, { side, map, passed }: Passing<NetworkNode>): LinearMap | string {
    const standing = this.standing(node, side);
    if (!isLayerNode(node)) return standing;
    const { layer } = node;
    const fault = this.#whyNot(layer) ?? this.#whyTied(layer) ?? this.#whyRead(layer) ?? this.#whyNotRows(node);
    if (fault !== null) return `${standing}, but ${fault}`;
    const isFlat = side === "behind" && passed.some((one) => this.#passed(one, map) === "flattened");
    return this.layers.linearOf(layer, standing, isFlat ? map.scale.length : null);
  }

  /** Linear layers work on the last axis, norms on axis 1: they are the same in (N, features). */
  #whyNotRows(node: LayerNode): string | null {
    if (!node.layer.is(Linear)) return null;
    const rank = this.#inputShape(node)?.length ?? this.#rankBefore(node);
    return rank === null || rank === 2 ? null : `its features are not axis 1 of inputs of rank ${rank}`;
  }

  /** As far as the layers before a node tell. */
  #rankBefore(node: NetworkNode): number | null {
    const maker = this.before(node);
    if (maker === null) return null;
    if (maker.shape !== null) return maker.shape.length;
    return isLayerNode(maker) ? maker.layer.rankAfter(this.#rankBefore(maker)) : null;
  }

  take(node: NetworkNode, linear: LinearMap): string | null {
    return isLayerNode(node) ? this.layers.take(node.layer, linear) : this.titleOf(node);
  }

  replace({ norm }: Passing<NetworkNode>): void {
    this.gone.add(norm);
  }

  remove({ norm }: Passing<NetworkNode>): void {
    this.gone.add(norm);
  }
}

/** How many nodes apply each layer. */
function placesIn({ nodes }: GraphParts): Map<AnyModule, number> {
  const places = new Map<AnyModule, number>();
  for (const { layer } of nodes.filter(isLayerNode)) places.set(layer, (places.get(layer) ?? 0) + 1);
  return places;
}
