import { isOp } from "../file/attributes.js";
import type { Codec, GraphProto, ModelProto, NodeProto } from "../file/codec.js";

const drawing = ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"];

/** Whether a model draws random numbers, or lets Dropout do so. */
export function drawsRandomly(model: ModelProto): boolean {
  return nodesOf(model).some(draws);
}

/** A copy of a model whose random operators draw the same numbers in every session. */
export function seeded(codec: Codec, where: string, bytes: Uint8Array): Uint8Array {
  const model = codec.read(where, bytes);
  for (const node of nodesOf(model).filter(draws)) {
    // Dropout's seed is a whole number.
    const seed = node.opType === "Dropout" ? { type: 2, i: 1n } : { type: 1, f: 1 };
    node.attribute = node.attribute.filter(({ name }) => name !== "seed");
    node.attribute.push(codec.attribute({ name: "seed", ...seed }));
  }
  return codec.write(model);
}

/** Since version 12 an input may turn Dropout on, and a seed is allowed. */
function draws(node: NodeProto): boolean {
  return isOp(node, ...drawing) || (isOp(node, "Dropout") && (node.input[2] ?? "") !== "");
}

/** Every node, also of graphs and functions inside. */
function nodesOf({ graph, functions }: ModelProto): NodeProto[] {
  const found: NodeProto[] = [];
  const waiting: Pick<GraphProto, "node">[] = [...(graph === undefined ? [] : [graph]), ...functions];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    for (const node of one.node) {
      found.push(node);
      for (const { g, graphs } of node.attribute) waiting.push(...(g === undefined ? [] : [g]), ...graphs);
    }
  }
  return found;
}
