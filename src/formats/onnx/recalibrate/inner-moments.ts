import { isOp, nodeTitle } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import { elementTypes, packValues } from "../file/tensor-values.js";
import { axesButChannels } from "../graph/batch-statistics.js";
import type { OnnxGraph } from "../graph/graph.js";
import { NewNodes } from "../graph/new-nodes.js";

/** Why values inside a graph cannot be brought out into the main one; null if they can. */
export function whyInside({ holder, parent }: OnnxGraph, isInLoop = false): string | null {
  if (holder === null || parent === null) return null;
  const isLoop = isOp(holder, "Loop", "Scan");
  if (isLoop && isInLoop) return "it stands in a loop inside a loop, whose rounds may differ in number";
  if (isLoop || isOp(holder, "If")) return whyInside(parent, isInLoop || isLoop);
  return `it stands in a graph inside ${nodeTitle(holder)}, which does not hand its values out`;
}

/**
 * Makes the moments of what a node reads an output of the main graph, from wherever it stands: of If one more output of
 * both branches, of Loop and Scan one more that collects what each round gives. Values themselves may differ in shape
 * from round to round, and a branch that is not taken has none; moments always have 1 + 2·C numbers: how many values
 * there were, means, and means of squared deviations, in float64.
 *
 * @param rank - how many axes the node's first input has
 * @returns the name of the output: rows of such numbers, to be read by {@link innerMoments}
 */
export function exposeMoments(graph: OnnxGraph, node: NodeProto, rank: number, channels: number): string {
  const made = new NewNodes(graph, node.output[0]);
  const axes = axesButChannels(rank);
  const toFloat64 = [made.int("to", elementTypes.float64)];
  const row = made.ints([-1]);
  const x = made.add("Cast", [node.input[0]], toFloat64);
  const mean = made.average(x, axes);
  const deviation = made.add("Sub", [x, mean]);
  const variance = made.average(made.add("Mul", [deviation, deviation]), axes);
  const count = made.add("Cast", [made.add("Size", [x])], toFloat64);
  const parts = [count, mean, variance].map((part) => made.add("Reshape", [part, row]));
  const moments = made.add("Concat", parts, [made.int("axis", 0)]);
  graph.add(made.nodes);
  return bringOut(graph, moments, 1 + 2 * channels);
}

/** @returns the name of the value in the main graph */
function bringOut(graph: OnnxGraph, value: string, length: number): string {
  const { holder, parent, model } = graph;
  if (holder === null || parent === null) return value;
  const places = graph.proto.output.length;
  graph.addOutput(value, elementTypes.float64);
  for (const other of parent.inside.get(holder) ?? []) {
    if (other !== graph) other.addOutput(addZeros(other, value, length), elementTypes.float64);
  }
  // The condition, a Loop's first, does not come out.
  const place = holder.opType === "Loop" ? places - 1 : places;
  while (holder.output.length < place) parent.addNodeOutput(holder, model.freshName(`${value}_unused`));
  const out = model.freshName(`${value}_out`);
  parent.addNodeOutput(holder, out);
  // Of each output that a Scan collects they may tell along which axis and from which end.
  for (const { name, ints } of holder.attribute) {
    if (name === "scan_output_axes" || name === "scan_output_directions") ints.push(0n);
  }
  return bringOut(parent, out, length);
}

/** No values at all, as the moments of a branch that the norm does not stand in. */
function addZeros(graph: OnnxGraph, base: string, length: number): string {
  const made = new NewNodes(graph, base);
  const { codec } = graph.model;
  const zeros = { type: "float64", shape: [length], data: new Float64Array(length) } as const;
  const rawData = packValues(zeros) ?? new Uint8Array();
  const t = codec.tensor({ dims: [BigInt(length)], dataType: elementTypes.float64, rawData });
  const name = made.add("Constant", [], [codec.attribute({ name: "value", type: 4, t })]);
  graph.add(made.nodes);
  return name;
}

/** Count, mean and M2 of each channel, row by row, of an output of {@link exposeMoments}. */
export function innerMoments(rows: ArrayLike<number>, channels: number): Float64Array {
  const length = 1 + 2 * channels;
  return Float64Array.from({ length: (3 * channels * rows.length) / length }, (_, k) => {
    const [channel, part] = [Math.floor(k / 3) % channels, k % 3];
    const at = Math.floor(k / (3 * channels)) * length;
    const count = rows[at] / channels;
    if (part === 0) return count;
    return part === 1 ? rows[at + 1 + channel] : rows[at + 1 + channels + channel] * count;
  });
}
