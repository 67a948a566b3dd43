import { ArgumentError } from "../../../errors.js";
import type { AttentionOptions } from "../../../ops/attention.js";
import type { OnnxValue, OnnxWriter } from "./onnx-writer.js";
import type { Op } from "./op-rows.js";

type Options = Omit<AttentionOptions, "mask" | "bias"> & {
  readonly mask?: OnnxValue | null;
  readonly bias?: OnnxValue | null;
};

/** Stands for −∞ in scores: no exponential of it is above 0. */
const hidden = -3e38;

/** Attention as the operators that it consists of. */
export const attentionOps: Readonly<Record<string, Op>> = {
  scaledDotProductAttention: ({ args, shape }, graph) => {
    const [q, k, v, options = {}] = args as [OnnxValue, OnnxValue, OnnxValue, Options | undefined];
    const { causal = false, mask = null, bias = null } = options;
    const output = shape ?? [...q.shape.slice(0, -1), v.shape[v.shape.length - 1]];
    const scale = options.scale ?? 1 / Math.sqrt(Number(q.shape[q.shape.length - 1]));
    const scaled = graph.node("Mul", [q, graph.constant("scale", [], [scale])]);
    const rank = k.shape.length;
    const perm = k.shape.map((_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
    const columns = graph.node("Transpose", [k], { perm }, { shape: perm.map((axis) => k.shape[axis]) });
    const [queries, keys] = [output[output.length - 2], k.shape[rank - 2]];
    const square = { shape: [...output.slice(0, -2), queries, keys] };
    let scores = graph.node("MatMul", [scaled, columns], {}, square);
    if (bias !== null) scores = graph.node("Add", [scores, bias], {}, square);
    if (causal) scores = graph.node("Add", [scores, causalBias(queries, keys, graph)], {}, square);
    if (mask !== null) {
      const seen = graph.node("Cast", [mask], { to: 9 }, { type: "bool" });
      scores = graph.node(
        "Where",
        [seen, scores, graph.constant("hidden", [], [hidden])],
        {},
        { ...square, type: "float32" },
      );
    }
    const weights = graph.node("Softmax", [scores], { axis: square.shape.length - 1 }, square);
    // A query that sees no key has output 0.
    const seen = mask === null ? weights : graph.node("Mul", [weights, mask], {}, square);
    return graph.node("MatMul", [seen, v], {}, { shape: output });
  },
};

function causalBias(queries: number | string, keys: number | string, graph: OnnxWriter): OnnxValue {
  if (typeof queries !== "number" || typeof keys !== "number") {
    throw new ArgumentError({
      where: "exportOnnx(model)",
      expected: "causal attention over sequences whose length is known",
      received: `${queries} queries and ${keys} keys`,
      cure: "Trace the network without freeing the axis of the sequence.",
    });
  }
  const values = Array.from({ length: queries * keys }, (_, i) => (i % keys > Math.floor(i / keys) ? hidden : 0));
  return graph.constant("causal", [queries, keys], values);
}
