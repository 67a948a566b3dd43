import type { Argument } from "../../../graph/argument.js";
import { Refusal, refusedModel, UnknownInput } from "../../foreign/import-faults.js";
import { printable } from "../../printable.js";
import { isOp, isStandard } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import { isWholeType } from "../file/tensor-values.js";
import { dataReaders, nodesBetween } from "../graph/closed-region.js";
import type { OnnxGraph } from "../graph/graph.js";
import { type ComputedSizes, computesSizes, computesWhole, shapedSizesOf } from "./import-sizes.js";
import { type ImportState, ImportStep } from "./import-step.js";
import { ofNode, unsupported } from "./imported-layer.js";
import { layers } from "./operators/import-layers.js";
import { wholeOutputs } from "./operators/whole-numbers.js";
import { firstStates, isZeros } from "./operators/zero-states.js";
import { operators, readsSettings } from "./operators.js";
import { activationOf } from "./patterns/import-activations.js";
import { composedNormOf } from "./patterns/import-composed-norms.js";

/** So many nodes may read a value that several of them make a layer of. */
const mostReaders = 8;

/** Goes along a graph in topological order, and makes layers and ops of its nodes. */
export class GraphImporter {
  readonly #state: ImportState;
  readonly #graph: OnnxGraph;
  readonly #faults: Refusal[] = [];
  /** Sizes of whole numbers, as Shape gives them. */
  readonly #wholeSizes = new Set<string>();
  /** Values at which layers of several nodes were looked for. */
  readonly #seen = new Set<string>();

  constructor(state: ImportState) {
    this.#state = state;
    this.#graph = state.graph;
  }

  /** What stands for the outputs. @throws FormatError naming every node for which nothing does */
  outputs(names: readonly string[]): Argument[] {
    this.#importAll(names);
    if (this.#faults.length > 0) throw refusedModel(this.#graph.model.where, "node", this.#faults);
    return names.map((name) => this.#state.values.get(name) ?? null);
  }

  /** The conditions of Ifs that outputs depend on, as far as they are known, by the first value that each makes. */
  conditions(names: readonly string[]): ReadonlyMap<string, boolean> {
    this.#importAll(names);
    const known = this.#graph.nodes.flatMap((node): [string, boolean][] => {
      const condition = isOp(node, "If") ? this.#graph.constant(node.input[0] ?? "") : "";
      return typeof condition === "string" || condition.data.length !== 1
        ? []
        : [[node.output[0] ?? "", condition.data[0] !== 0]];
    });
    return new Map(known);
  }

  #importAll(names: readonly string[]): void {
    const needed = neededNodes(this.#graph, names);
    for (const node of this.#graph.nodes) {
      if (!needed.has(node)) this.#settle(node);
      else if (!this.#state.done.has(node)) this.#attempt(node);
    }
  }

  #attempt(node: NodeProto): void {
    try {
      this.#import(node);
    } catch (fault) {
      if (!(fault instanceof Refusal || fault instanceof UnknownInput)) throw fault;
      if (fault instanceof Refusal) this.#faults.push(fault);
      for (const name of node.output) this.#state.bind(name, null);
    }
  }

  #import(node: NodeProto): void {
    const state = this.#state;
    const graph = this.#graph;
    const [output, ...others] = node.output;
    if (graph.isConstant(output ?? "")) return;
    if (computesSizes(node, (name) => state.sizes.has(name))) {
      this.#bindSizes(node);
      return;
    }
    for (const name of node.input) this.#compose(name);
    if (state.done.has(node)) return;
    const operator = isStandard(node) && Object.hasOwn(operators, node.opType) ? operators[node.opType] : undefined;
    if (operator === undefined) throw unsupported(node, "an operator that no layer or op here is");
    const at = new ImportStep(node, state);
    const made = state.passes.has(node) ? at.input(0) : ofNode(node, () => operator(at));
    const results: readonly Argument[] = Array.isArray(made) ? made : [made as Argument];
    if (!state.done.has(node)) for (const [k, result] of results.entries()) state.bind(node.output[k], result);
    for (const name of wholeOutputs(at)) state.whole.add(name);
    const stray = others
      .slice(results.length - 1)
      .find((name) => name !== "" && (graph.readerCount(name) > 0 || graph.isOutput(name)));
    if (stray !== undefined) throw unsupported(node, `${printable(stray)}, a further output that is used`);
  }

  /** Sizes that are known are numbers to compute with; others may still be settings of what reads them. */
  #bindSizes(node: NodeProto): void {
    const state = this.#state;
    const [output] = node.output;
    state.sizes.add(output);
    const sizes = shapedSizesOf(this.#graph, state.shapes, output);
    if (this.#settleSizes(node, sizes) || sizes === null || !isKnown(sizes)) return;
    const at = new ImportStep(node, state);
    state.bind(output, at.constant(sizes.shape, Float32Array.from(sizes.values, Number)));
    state.whole.add(output);
  }

  /** Sizes that only settings read. */
  #settle(node: NodeProto): void {
    const { sizes, shapes } = this.#state;
    const [output] = node.output;
    if (this.#graph.isConstant(output ?? "") || !computesSizes(node, (name) => sizes.has(name))) return;
    sizes.add(output);
    this.#settleSizes(node, shapedSizesOf(this.#graph, shapes, output));
  }

  /**
   * Makes sizes that are known, and whole numbers, a constant: what nodes make of it and other constants, such as the
   * mask of shifted windows, is then one too.
   *
   * @returns whether it is one
   */
  #settleSizes(node: NodeProto, sizes: ComputedSizes | null): boolean {
    const [output] = node.output;
    if (!computesWhole(node) || !node.input.every((name) => this.#isWholeSize(node, name))) return false;
    this.#wholeSizes.add(output);
    if (sizes === null || !isKnown(sizes)) return false;
    this.#graph.settle(output, { type: "int64", shape: sizes.shape, data: Float64Array.from(sizes.values, Number) });
    return true;
  }

  /** Whether an input of a node that computes sizes is known to be of whole numbers. */
  #isWholeSize(node: NodeProto, name: string): boolean {
    if (isOp(node, "Shape") || name === "" || this.#wholeSizes.has(name)) return true;
    const constant = this.#graph.isConstant(name) ? this.#graph.constant(name) : "";
    return typeof constant !== "string" && isWholeType(constant.type);
  }

  /** Nodes that begin at a value and are one layer together become that layer. */
  #compose(value: string): void {
    const graph = this.#graph;
    const x = this.#state.values.get(value);
    if (x === undefined || x === null || this.#seen.has(value)) return;
    this.#seen.add(value);
    if (graph.readerCount(value) > mostReaders) return;
    const readers = dataReaders(graph, value);
    if (
      readers.length === 0 ||
      (readers.length === 1 && isStandard(readers[0]) && Object.hasOwn(layers, readers[0].opType))
    )
      return;
    const composed = ofNode(
      readers[0],
      () => composedNormOf(value, graph, this.#state.shapes) ?? activationOf(value, graph),
    );
    const inside = composed === null ? null : nodesBetween(graph, value, composed.output);
    if (composed === null || inside === null) return;
    for (const node of inside) this.#state.done.add(node);
    this.#state.bind(
      composed.output,
      new ImportStep(composed.node, this.#state).layer(null, () => composed.layer, x),
    );
  }
}

function isKnown({ values }: ComputedSizes): boolean {
  return values.every((size) => typeof size === "number");
}

/** The nodes that outputs are computed by, without those that only work out settings. */
function neededNodes(graph: OnnxGraph, outputs: readonly string[]): ReadonlySet<NodeProto> {
  const needed = new Set<NodeProto>();
  const waiting = [...outputs];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const node = graph.makerOf(name);
    if (node === undefined || needed.has(node)) continue;
    needed.add(node);
    waiting.push(...dataOf(graph, node));
  }
  return needed;
}

/** The inputs of a node that are values, not settings. */
function dataOf(graph: OnnxGraph, node: NodeProto): readonly string[] {
  if (!isStandard(node)) return node.input;
  if (node.opType === "ConstantOfShape" || node.opType === "Range") return [];
  if (["LSTM", "GRU", "RNN"].includes(node.opType)) {
    return node.input.filter((name, k) => k < firstStates || !isZeros(graph, name));
  }
  return readsSettings.has(node.opType) ? node.input.slice(0, 1) : node.input;
}
