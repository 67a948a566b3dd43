import { Flatten } from "../../../nn/flatten.js";
import type { Linear } from "../../../nn/linear.js";
import type { AnyModule, Module } from "../../../nn/module.js";
import { Norm } from "../../../nn/norms/norm.js";
import { GlobalAvgPool2d } from "../../../nn/pooling.js";
import { Residual } from "../../../nn/residual.js";
import { Sequential } from "../../../nn/sequential.js";
import { work } from "../../file-budget.js";
import { floatOf, intOf, intsOf, isOp, printable, textOf, titleOf } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import { dataReaders, nodesBetween } from "../graph/closed-region.js";
import type { Graph } from "../graph/graph.js";
import { Ranks } from "../graph/ranks.js";
import { activationOf } from "./import-activations.js";
import { composedNormOf } from "./import-composed-norms.js";
import { convOf, importLayer, isLayer, linearOf } from "./import-layers.js";
import { isFlattening, sizesOf, targetOf } from "./import-sizes.js";
import { type ImportedLayer, ofNode, unsupported, valuesOf } from "./imported-layer.js";

/** Layers in a row, and the Add that the row ends in; null at the output of the model. */
interface Row {
  readonly layers: readonly Module[];
  readonly join: NodeProto | null;
}

/** What a row begins with: a node, or nodes that are one layer together. */
type Start = NodeProto | ImportedLayer;

/** So deep may branches stand in branches. */
const deepest = 100;

/** So many nodes may read a value: two branches, and one of them or both by several nodes that are one layer. */
const mostReaders = 8;

/** Layers that do the same to (N, C) as to planes of one value, (N, C, 1, 1). */
const planeless = ["BatchNormalization", "Relu", "LeakyRelu", "Elu", "Sigmoid", "Tanh", "Dropout", "Gelu"] as const;

/** Goes along a graph from its input, and makes a layer of each node. */
export class NetworkBuilder {
  /** The node of each layer. */
  readonly nodes = new Map<AnyModule, NodeProto>();
  readonly #graph: Graph;
  readonly #ranks: Ranks;
  readonly #batch: number | null;
  #depth = 0;

  /** @param batch - how many samples the model declares, if it does */
  constructor(graph: Graph, batch: number | null) {
    this.#graph = graph;
    this.#ranks = new Ranks(graph);
    this.#batch = batch;
  }

  build(input: string): Sequential {
    const { layers, join } = this.#row(input, null);
    if (join !== null) throw unsupported(join, this.#graph, "a sum of branches that do not start at one value");
    return new Sequential(...layers);
  }

  /** @param first - what to begin with of all that reads the value; null: the value has no other readers */
  #row(from: string, first: Start | null): Row {
    const graph = this.#graph;
    const layers: Module[] = [];
    /** The node that left planes of one value, which are a row of features here, if they still are planes in the file. */
    let planes: NodeProto | null = null;
    const add = (layer: Module, node: NodeProto): void => {
      graph.model.spend(work.layer + (node.input.length > 1 ? work.parameters : 0));
      this.nodes.set(layer, node);
      layers.push(layer);
    };
    let value = from;
    for (let only = first; ; only = null) {
      const starts: readonly Start[] = only === null ? this.#startsAt(value) : [only];
      const [start] = starts;
      const node: NodeProto | null = start === undefined ? planes : nodeOf(start);
      const ends = start === undefined || (starts.length === 1 && isNode(start) && this.#isJoin(start));
      if (planes !== null && (ends || starts.length > 1)) throw this.#planesLeft(planes);
      if (start === undefined || node === null) {
        const maker = graph.isOutput(value) || first !== null ? undefined : graph.makerOf(value);
        if (maker !== undefined) throw unsupported(maker, graph, "an output that only shapes or inner graphs read");
        return { layers, join: null };
      }
      if (only === null && graph.isOutput(value)) {
        throw unsupported(node, graph, "an input that is an output of the model too");
      }
      if (starts.length === 2) {
        const { residual, join } = this.#residual(value, starts);
        add(residual, join);
        value = join.output[0];
      } else if (starts.length > 2) {
        throw unsupported(node, graph, `an input that ${starts.length} nodes read`);
      } else if (!isNode(start)) {
        if (planes !== null && start.layer instanceof Norm) throw this.#planesLeft(planes);
        add(start.layer, start.node);
        value = start.output;
      } else if (this.#isJoin(node)) return { layers, join: node };
      else if (this.#isPass(node)) [value] = node.output;
      else if (planes !== null) {
        const from = planes;
        const made = ofNode(node, graph, () => this.#afterPlanes(node, from));
        if (made === null) planes = null;
        else add(made, node);
        [value] = node.output;
      } else if (this.#isPlaneMean(node)) {
        add(new GlobalAvgPool2d(), node);
        const isRow: boolean = isOp(node, "ReduceMean") && intOf(node, "keepdims", 1) === 0;
        planes = isRow ? null : node;
        [value] = node.output;
      } else {
        const { layer, output } = ofNode(node, graph, () => this.#layer(node));
        add(layer, node);
        value = output;
      }
    }
  }

  /** What reads a value; nodes that are one layer together are one of them. */
  #startsAt(value: string): readonly Start[] {
    const graph = this.#graph;
    const count = graph.readerCount(value);
    const readers = count > mostReaders ? graph.readersOf(value) : dataReaders(graph, value);
    if (count > mostReaders || readers.length === 0 || (readers.length === 1 && isLayer(readers[0]))) return readers;
    const composed = ofNode(
      readers[0],
      graph,
      () => composedNormOf(value, graph, this.#ranks) ?? activationOf(value, graph),
    );
    const inside = composed === null ? null : nodesBetween(graph, value, composed.output);
    if (composed === null || inside === null) return readers;
    return [composed, ...readers.filter((node) => !inside.has(node))];
  }

  /** Whatever a layer does with further inputs, it takes them from the file. */
  #checkInputs(node: NodeProto): void {
    node.input.forEach((name, k) => {
      if (k > 0 && name !== "" && !this.#graph.isConstant(name)) valuesOf(node, this.#graph, k);
    });
  }

  #residual(value: string, starts: readonly Start[]): { residual: Residual; join: NodeProto } {
    const [first, second] = starts;
    if (++this.#depth > deepest)
      throw unsupported(nodeOf(first), this.#graph, `more than ${deepest} branches in one another`);
    const branch = (start: Start): Row =>
      isNode(start) && this.#isJoin(start) ? { layers: [], join: start } : this.#row(value, start);
    const one = branch(first);
    const other = one.join === null ? null : branch(second);
    this.#depth--;
    const { join } = one;
    if (join === null || other === null || other.join !== join) {
      const received = `branches that do not end in one Add (the other begins with ${titleOf(nodeOf(first))})`;
      throw unsupported(nodeOf(second), this.#graph, received);
    }
    // The body is the longer one: a shortcut is nothing, or a projection.
    const [body, shortcut] = [one, other].sort((a, b) => b.layers.length - a.layers.length);
    const sequence = ({ layers }: Row): Sequential => new Sequential(...layers);
    return { residual: new Residual(sequence(body), shortcut.layers.length === 0 ? null : sequence(shortcut)), join };
  }

  /** Whether a node adds two branches. */
  #isJoin(node: NodeProto): boolean {
    return isOp(node, "Add") && node.input.every((name) => !this.#graph.isConstant(name));
  }

  /** Whether a node changes nothing: PyTorch writes a padding of zero width before an average pool. */
  #isPass(node: NodeProto): boolean {
    if (isOp(node, "Identity")) return node.input.length === 1;
    return isOp(node, "Pad") && this.#padsOf(node).every((width) => width === 0);
  }

  #padsOf(node: NodeProto): number[] {
    const pads = intsOf(node, "pads") ?? sizesOf(this.#graph, this.#ranks, node.input[1] ?? "");
    if (pads?.every((width) => typeof width === "number")) return [...pads];
    throw unsupported(node, this.#graph, "widths that are not constant");
  }

  /** The layer of a node and of nodes behind it that belong to it, and the value that it makes. */
  #layer(node: NodeProto): { layer: Module; output: string } {
    const graph = this.#graph;
    const [output, ...others] = node.output;
    const stray = others.find((name) => name !== "" && (graph.readerCount(name) > 0 || graph.isOutput(name)));
    if (stray !== undefined) throw unsupported(node, graph, `${printable(stray)}, a further output that is used`);
    if (isOp(node, "MatMul")) return this.#matMul(node);
    if (isOp(node, "Pad")) return this.#paddedConv(node);
    if (isOp(node, "Clip")) throw unsupported(node, graph, "limits other than 0 and 6");
    if (isOp(node, "Reshape")) {
      if (isFlattening(node, graph, this.#ranks, this.#batch)) return { layer: new Flatten(), output };
      const sizes = targetOf(node, graph, this.#ranks);
      throw unsupported(node, graph, sizes === null ? "a shape that is not constant" : `the shape ${sizes.join("×")}`);
    }
    const layer = importLayer(node, graph, this.#ranks);
    this.#checkInputs(node);
    return { layer, output };
  }

  #isPlaneMean(node: NodeProto): boolean {
    if (isOp(node, "GlobalAveragePool")) return true;
    if (!isOp(node, "ReduceMean")) return false;
    const axes = intsOf(node, "axes") ?? [...valuesOf(node, this.#graph, 1).data];
    return axes.length === 2 && axes.every((axis) => [2, 3, -1, -2].includes(axis));
  }

  /** The layer of a node behind planes of one value: a Conv of them is a product; null where it makes them a row. */
  #afterPlanes(node: NodeProto, planes: NodeProto): Module | null {
    const graph = this.#graph;
    if (isOp(node, "Flatten") && intOf(node, "axis", 1) === 1) return null;
    if (isOp(node, "Reshape") && isFlattening(node, graph, this.#ranks, this.#batch)) return null;
    if (isOp(node, "Squeeze")) {
      const axes = intsOf(node, "axes") ?? (node.input[1] ? [...valuesOf(node, graph, 1).data] : []);
      const gone = axes.map((axis) => (axis < 0 ? axis + 4 : axis)).sort();
      if (String(gone) === "2,3") return null;
    }
    if (isOp(node, ...planeless)) return this.#layer(node).layer;
    if (!isOp(node, "Conv")) throw this.#planesLeft(planes);
    const weight = valuesOf(node, graph, 1);
    const isProduct = weight.shape.length === 4 && weight.shape[2] * weight.shape[3] === 1;
    const isPlain = isProduct && intOf(node, "group", 1) === 1 && !intsOf(node, "pads")?.some((width) => width !== 0);
    if (!isPlain) throw this.#planesLeft(planes);
    const bias = node.input[2] ? valuesOf(node, graph, 2).data : null;
    return linearOf({ ...weight, shape: weight.shape.slice(0, 2) }, bias, true);
  }

  #planesLeft(node: NodeProto): Error {
    return unsupported(node, this.#graph, "means that keep their two axes of size 1");
  }

  /** A Pad with zeros on both sides of planes is the padding of the Conv behind it. */
  #paddedConv(node: NodeProto): { layer: Module; output: string } {
    const graph = this.#graph;
    const pads = this.#padsOf(node);
    const value = node.input[2] ? valuesOf(node, graph, 2).data[0] : floatOf(node, "value", 0);
    const [next] = graph.readersOf(node.output[0]);
    const half = pads.length / 2;
    const isEven = pads.slice(0, half).every((width, axis) => width >= 0 && width === pads[half + axis]);
    const isPlanes = isEven && pads[0] === 0 && pads[1] === 0 && textOf(node, "mode", "constant") === "constant";
    const isConv = next !== undefined && isOp(next, "Conv") && graph.isReadOnce(node.output[0]);
    if (!isConv || !isPlanes || value !== 0 || node.input[3]) {
      throw unsupported(node, graph, "padding other than zeros, as many on both sides, before a Conv");
    }
    const layer = ofNode(next, graph, () => convOf(next, graph, pads.slice(2, half)));
    return { layer, output: next.output[0] };
  }

  #matMul(node: NodeProto): { layer: Linear; output: string } {
    const graph = this.#graph;
    const weight = valuesOf(node, graph, 1);
    if (weight.shape.length !== 2) throw unsupported(node, graph, `a weight of rank ${weight.shape.length}`);
    const [output] = node.output;
    const [next] = graph.readersOf(output);
    const isBiased = next !== undefined && graph.isReadOnce(output) && isOp(next, "Add") && !this.#isJoin(next);
    const bias = isBiased ? valuesOf(next, graph, next.input[0] === output ? 1 : 0) : null;
    if (bias === null || bias.data.length !== weight.shape[1]) return { layer: linearOf(weight, null), output };
    return { layer: linearOf(weight, bias.data), output: next.output[0] };
  }
}

function isNode(start: Start): start is NodeProto {
  return !("layer" in start);
}

function nodeOf(start: Start): NodeProto {
  return isNode(start) ? start : start.node;
}
