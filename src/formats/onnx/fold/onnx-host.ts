import type { Host, Passing, Side } from "../../../graph/fold/host.js";
import { unflattened } from "../../../graph/fold/linear-map.js";
import type { ChannelMap } from "../../../nn/layer-traits.js";
import { isOp, nodeTitle } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import { isBatchNorm, nodeMapOf } from "../graph/batch-norm-node.js";
import type { OnnxGraph } from "../graph/graph.js";
import type { OnnxModel } from "../graph/onnx-model.js";
import { RanksOfGraphs } from "../graph/ranks.js";
import { isLinear, type LinearNode, linearNode, writeLinearNode } from "./linear-nodes.js";
import { dataInput, isAbsorbed, passNode } from "./passing-nodes.js";

/** The graphs of an ONNX model as a host: edits of theirs, nothing else. */
export class OnnxHost implements Host<NodeProto, LinearNode> {
  readonly norms: readonly NodeProto[];
  readonly #graphs = new Map<NodeProto, OnnxGraph>();
  readonly #ranks = new RanksOfGraphs();

  constructor(model: OnnxModel) {
    for (const graph of model.graphs()) for (const node of graph.nodes) this.#graphs.set(node, graph);
    this.norms = [...this.#graphs.keys()].filter(isBatchNorm);
  }

  /** Where a node stands. */
  graphOf(node: NodeProto): OnnxGraph {
    const graph = this.#graphs.get(node);
    if (graph === undefined) throw new Error("internal: a node of no graph");
    return graph;
  }

  titleOf(node: NodeProto): string {
    return nodeTitle(node);
  }

  standing(node: NodeProto, side: Side): string {
    return `${nodeTitle(node)} stands ${side === "before" ? "before" : "after"} it`;
  }

  mapOf(norm: NodeProto): ChannelMap | string {
    return nodeMapOf(this.graphOf(norm), norm);
  }

  before(node: NodeProto): NodeProto | null {
    const graph = this.graphOf(node);
    return graph.makerOf(node.input[dataInput(graph, node)] ?? "") ?? null;
  }

  behind(node: NodeProto, what: string): NodeProto | string {
    const graph = this.graphOf(node);
    const [name] = node.output;
    if (graph.isReadOnce(name)) return graph.readersOf(name)[0];
    if (graph.isOutput(name)) return `${what} is an output of the ${graph.parent === null ? "model" : "graph"}`;
    if (graph.readerCount(name) === 0 && !graph.isReadInside(name)) return `nothing reads ${what}`;
    return `${what} is read elsewhere too`;
  }

  pass(node: NodeProto, { map, side }: Passing<NodeProto>): ChannelMap | null {
    const graph = this.graphOf(node);
    return passNode(graph, this.#ranks.of(graph), node, map, side);
  }

  canTake(node: NodeProto, side: Side): boolean {
    return isLinear(node) || (side === "before" && isBatchNorm(node));
  }

  linearOf(node: NodeProto, { side, map, passed }: Passing<NodeProto>): LinearNode | string {
    const graph = this.graphOf(node);
    const rank = this.#ranks.of(graph).get(side === "before" ? node.output[0] : node.input[0]);
    if (isOp(node, "MatMul") && rank !== 2)
      return `${nodeTitle(node)} has ${rank === undefined ? "an unknown number of" : rank} axes, where 2 can be folded`;
    const linear = linearNode(graph, node);
    const isFlat = side === "behind" && passed.some((one) => isOp(one, "Flatten"));
    return typeof linear === "string" || !isFlat ? linear : unflattened(linear, map.scale.length, "first");
  }

  take(node: NodeProto, linear: LinearNode): string | null {
    return writeLinearNode(this.graphOf(node), node, linear);
  }

  replace({ norm, passed }: Passing<NodeProto>, by: NodeProto): void {
    const graph = this.graphOf(norm);
    let last = by;
    for (const node of [norm, ...passed].reverse()) {
      if (node === norm || isAbsorbed(node)) graph.replace(node, last);
      else last = node;
    }
  }

  remove({ norm, passed }: Passing<NodeProto>, reader: NodeProto): void {
    const graph = this.graphOf(norm);
    const gone = [norm];
    let [read, instead] = [norm.output[0], norm.input[0]];
    for (const node of [...passed, reader]) {
      if (node !== reader && isAbsorbed(node)) gone.push(node);
      else if (read !== instead) graph.setInput(node, node.input.indexOf(read), instead);
      read = node.output[0];
      if (!gone.includes(node)) instead = read;
    }
    for (const node of gone) graph.remove(node);
  }
}
