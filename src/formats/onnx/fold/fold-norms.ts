import { isOp, printable, titleOf } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import { packValues } from "../file/tensor-values.js";
import { type Affine, affineOf, isBatchNorm, parameterInputs, parameterOf } from "../graph/batch-norm-node.js";
import type { Graph } from "../graph/graph.js";
import type { OnnxModel } from "../graph/onnx-model.js";
import { type Ranks, RanksOfGraphs } from "../graph/ranks.js";
import { channelMapOf, compose } from "./channel-map.js";
import { foldAfter, foldBefore, isLinear } from "./linear-maps.js";

/** What became of a batch norm: what it was folded into, or why it was left. */
export interface NormOutcome {
  readonly graph: Graph;
  readonly node: NodeProto;
  readonly norm: string;
  readonly into?: string;
  /** The value whose maker has changed: it must be what it was. */
  readonly value?: string;
  readonly reason?: string;
}

/** Either what a norm was folded into, or why it could not be. */
type Attempt = { readonly into: string; readonly value: string } | { readonly reason: string };

/** What a list calls a node: where it stands, and its name. */
export function placeOf(graph: Graph, node: NodeProto): string {
  return graph.place + printable(node.name === "" ? (node.output[0] ?? node.opType) : node.name);
}

/** Folds every batch norm of a model that can be folded, by edits of its graphs. */
export function foldNorms(model: OnnxModel): NormOutcome[] {
  const ranks = new RanksOfGraphs();
  const outcomes: NormOutcome[] = [];
  for (const graph of model.graphs()) {
    for (const node of graph.nodes.filter(isBatchNorm)) {
      const norm = placeOf(graph, node);
      outcomes.push({ graph, node, norm, ...intoWhatIsBefore(graph, ranks.of(graph), node) });
    }
  }
  // Only now, since two norms in a row have become one.
  const result = outcomes.map((outcome): NormOutcome => {
    const { graph, node, reason } = outcome;
    if (reason === undefined || typeof affineOf(graph, node) === "string") return outcome;
    const attempt = intoWhatIsAfter(graph, ranks.of(graph), node);
    if ("into" in attempt) return { graph, node, norm: outcome.norm, ...attempt };
    return { ...outcome, reason: `${reason}; ${attempt.reason}` };
  });
  for (const body of model.functions) {
    for (const node of body.nodes.filter(isBatchNorm)) {
      const reason = "it stands in a function of the model, whose nodes serve every call";
      result.push({ graph: body, node, norm: placeOf(body, node), reason });
    }
  }
  return result;
}

function intoWhatIsBefore(graph: Graph, ranks: Ranks, norm: NodeProto): Attempt {
  let map = affineOf(graph, norm);
  if (typeof map === "string") return { reason: map };
  // From the norm back.
  const row: NodeProto[] = [norm];
  for (let name = norm.input[0]; ; ) {
    const maker = graph.makerOf(name);
    if (maker === undefined) return { reason: "nothing stands before it" };
    const between = channelMapOf(graph, ranks, maker, map.scale.length);
    const canTake = between !== null || isLinear(maker) || isBatchNorm(maker);
    if (!canTake) return { reason: `${titleOf(maker)} stands before it` };
    if (!graph.isReadOnce(name)) return { reason: sharing(graph, name, `the output of ${titleOf(maker)}`) };
    if (between === null) {
      if (isOp(maker, "MatMul") && ranks.get(name) !== 2) return { reason: notTwo(maker, ranks.get(name)) };
      const reason = isBatchNorm(maker) ? foldIntoNorm(graph, maker, map) : foldBefore(graph, maker, map);
      if (reason !== null) return { reason };
      graph.replace(row.reverse(), maker);
      return { into: titleOf(maker), value: norm.output[0] };
    }
    map = compose(map, between);
    row.push(maker);
    name = maker.input[between.input];
  }
}

function intoWhatIsAfter(graph: Graph, ranks: Ranks, norm: NodeProto): Attempt {
  let map = affineOf(graph, norm);
  if (typeof map === "string") return { reason: map };
  const row: NodeProto[] = [norm];
  for (let name = norm.output[0]; ; ) {
    if (!graph.isReadOnce(name)) return { reason: sharing(graph, name, "its output") };
    const [reader] = graph.readersOf(name);
    if (isLinear(reader) && reader.input[0] === name) {
      if (isOp(reader, "MatMul") && ranks.get(name) !== 2) return { reason: notTwo(reader, ranks.get(name)) };
      const reason = foldAfter(graph, reader, map);
      if (reason !== null) return { reason };
      graph.setInput(reader, 0, norm.input[0]);
      for (const node of row) graph.remove(node);
      return { into: titleOf(reader), value: reader.output[0] };
    }
    const between = channelMapOf(graph, ranks, reader, map.scale.length);
    if (between === null) return { reason: `${titleOf(reader)} stands after it` };
    map = compose(between, map);
    row.push(reader);
    name = reader.output[0];
  }
}

/** Two norms in a row are one. */
function foldIntoNorm(graph: Graph, norm: NodeProto, { scale, shift }: Affine): string | null {
  const own = affineOf(graph, norm);
  if (typeof own === "string") return `${titleOf(norm)} stands before it, and ${own}`;
  const weight = parameterOf(graph, norm, "weight");
  const bias = parameterOf(graph, norm, "bias");
  if (typeof weight === "string" || typeof bias === "string") throw new Error("internal: a norm lost its parameters");
  if (weight.data.length !== scale.length) return `${titleOf(norm)} has ${weight.data.length} channels`;
  const newWeight = { ...weight, data: weight.data.map((value, k) => value * scale[k]) };
  const newBias = { ...bias, data: bias.data.map((value, k) => value * scale[k] + shift[k]) };
  const [packedWeight, packedBias] = [packValues(newWeight), packValues(newBias)];
  if (packedWeight === null || packedBias === null) return `the parameters of ${titleOf(norm)} overflow ${weight.type}`;
  graph.setConstant(norm, parameterInputs.weight, newWeight, packedWeight);
  graph.setConstant(norm, parameterInputs.bias, newBias, packedBias);
  return null;
}

/** Why a value that is not read exactly once cannot change. */
function sharing(graph: Graph, name: string, what: string): string {
  if (graph.isOutput(name)) return `${what} is an output of the ${graph.parent === null ? "model" : "graph"}`;
  if (graph.readerCount(name) === 0 && !graph.isReadInside(name)) return `nothing reads ${what}`;
  return `${what} is read elsewhere too`;
}

function notTwo(node: NodeProto, rank: number | undefined): string {
  return `${titleOf(node)} has ${rank === undefined ? "an unknown number of" : rank} axes, where 2 can be folded`;
}
