import { intOf, intsOf, isOp } from "../../file/attributes.js";
import type { NodeProto } from "../../file/codec.js";
import { dataReaders, nodesBetween } from "../../graph/closed-region.js";
import type { OnnxGraph } from "../../graph/graph.js";
import { targetOf } from "../import-sizes.js";
import { activationOf } from "../patterns/import-activations.js";
import { isBatch } from "../shapes/open-shapes.js";
import type { ValueShapes } from "../shapes/value-shapes.js";

/** Layers that do the same to (N, C) as to planes of one value, (N, C, 1, 1). */
const planeless = ["BatchNormalization", "Relu", "LeakyRelu", "Elu", "Sigmoid", "Tanh", "Dropout", "Gelu"] as const;

/** So many nodes may stand between planes of one value and the node that makes them rows. */
const mostNodes = 20;

/** Nodes that read planes of one value, (N, C, 1, 1), and what makes them rows, (N, C), at their end. */
export interface PlaneProducts {
  /** Convs, which are products of rows. */
  readonly products: readonly NodeProto[];
  readonly end: NodeProto;
}

/**
 * Follows planes of one value to where they become rows; null where they are needed as planes.
 *
 * @param channels - null: not known
 */
export function planesBehind(
  node: NodeProto,
  channels: number | null,
  graph: OnnxGraph,
  shapes: ValueShapes,
): PlaneProducts | null {
  const products: NodeProto[] = [];
  let [value] = node.output;
  let width = channels;
  for (let count = 0; count < mostNodes; count++) {
    if (graph.isOutput(value) || graph.isReadInside(value)) return null;
    const readers = dataReaders(graph, value);
    const [next] = readers;
    if (!graph.readersOf(value).every((reader) => readers.includes(reader) || takesBatch(reader, graph))) return null;
    if (readers.length > 1) {
      const activation = activationOf(value, graph);
      const inside = activation && nodesBetween(graph, value, activation.output);
      if (activation === null || !readers.every((reader) => inside?.has(reader))) return null;
      value = activation.output;
      continue;
    }
    if (next === undefined) return null;
    if (makesRows(next, width, graph, shapes)) return { products, end: next };
    if (isOp(next, "Conv")) {
      const outputs = productOf(next, graph);
      if (outputs === null) return null;
      products.push(next);
      width = outputs;
    } else if (!isOp(next, ...planeless)) return null;
    [value] = next.output;
  }
  return null;
}

/** Whether of a shape only the number of samples is taken, which rows have as planes have it. */
function takesBatch(shape: NodeProto, graph: OnnxGraph): boolean {
  const [output] = shape.output;
  if (!isOp(shape, "Shape") || shape.attribute.length > 0 || graph.isOutput(output)) return false;
  const is = (name: string | undefined, wanted: number): boolean => {
    const values = graph.constant(name ?? "");
    return typeof values !== "string" && values.data.every((value) => value === wanted);
  };
  return graph
    .readersOf(output)
    .every(
      (node) =>
        (isOp(node, "Gather") && is(node.input[1], 0)) ||
        (isOp(node, "Slice") && is(node.input[1], 0) && is(node.input[2], 1)),
    );
}

/** The outputs of a Conv that is a product at each place; null if it is none. */
function productOf(node: NodeProto, graph: OnnxGraph): number | null {
  const weight = graph.constant(node.input[1] ?? "");
  if (typeof weight === "string" || weight.shape.length !== 4 || weight.shape[2] * weight.shape[3] !== 1) return null;
  const isPlain = intOf(node, "group", 1) === 1 && !intsOf(node, "pads")?.some((width) => width !== 0);
  return isPlain ? weight.shape[0] : null;
}

function makesRows(node: NodeProto, channels: number | null, graph: OnnxGraph, shapes: ValueShapes): boolean {
  if (isOp(node, "Flatten")) return intOf(node, "axis", 1) === 1;
  if (isOp(node, "Squeeze")) {
    const given = intsOf(node, "axes") ?? graph.constant(node.input[1] ?? "");
    const axes = typeof given === "string" ? [] : "data" in given ? [...given.data] : given;
    return String(axes.map((axis) => (axis < 0 ? axis + 4 : axis)).sort()) === "2,3";
  }
  if (!isOp(node, "Reshape") || intOf(node, "allowzero", 0) !== 0) return false;
  const sizes = targetOf(node, graph, shapes);
  if (sizes?.length !== 2) return false;
  const [first, second] = sizes;
  const keepsBatch = first === 0 || isBatch(first) || (first === shapes.declaredBatch && first !== null);
  return keepsBatch
    ? second === -1 || second === 0 || channels === null || second === channels
    : first === -1 && second === channels && channels !== null;
}
