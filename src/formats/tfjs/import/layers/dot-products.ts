import type { Argument } from "../../../../graph/argument.js";
import { Dropout } from "../../../../nn/dropout.js";
import { printable } from "../../../printable.js";
import type { LayerStep } from "../layer-step.js";
import type { Value } from "../value.js";
import type { Row } from "./row.js";

/** x along an axis, divided by the root of the sum of its squares. */
function unit(at: LayerStep, x: Argument, axis: number): Argument {
  const squares = at.op("sum", at.op("square", x), [axis], { keepDims: true });
  return at.op("mul", x, at.op("rsqrt", at.op("maximum", squares, 1e-12)));
}

/** Sums of products of two values along an axis of each, for all pairs of their other axes; rows, or rows of rows. */
function importDot(at: LayerStep): Value {
  const { inputs } = at;
  if (inputs.length !== 2) throw at.refuse(`${inputs.length} inputs`);
  const given = at.config["axes"];
  const pair: unknown[] = Array.isArray(given) && given.length === 2 ? given : [given, given];
  const axes = pair.map((axis, k) => Number(axis) + (Number(axis) < 0 ? inputs[k].shape.length : 0));
  const ranks = inputs.map(({ shape }) => shape.length);
  if (ranks.some((rank, k) => rank < 2 || rank > 3 || !Number.isInteger(axes[k]) || axes[k] < 1 || axes[k] >= rank)) {
    throw at.refuse(`axes ${printable(given)} of values of rank ${ranks.join(" and ")}`);
  }
  const [x, y] = inputs.map((one, k) => {
    const ref = at.keras(one);
    return at.flag("normalize", false) ? unit(at, ref, axes[k]) : ref;
  });
  // (N, rows, sum) times (N, sum, columns).
  const left = ranks[0] === 2 ? at.op("unsqueeze", x, 1) : axes[0] === 1 ? at.op("transpose", x, [0, 2, 1]) : x;
  const right = ranks[1] === 2 ? at.op("unsqueeze", y, 2) : axes[1] === 2 ? at.op("transpose", y, [0, 2, 1]) : y;
  const product = at.op("matmul", left, right);
  if (ranks[0] === 2) return at.plain(at.op("squeeze", product, 1));
  return at.plain(ranks[1] === 2 ? at.op("squeeze", product, 2) : product);
}

/**
 * Values weighted by the softmax of scores (…, L, S).
 *
 * @param causal - whether query i sees the keys 0 … i alone
 */
export function weighted(at: LayerStep, scores: Argument, values: Argument, causal: boolean, rate: number): Argument {
  const [queries, keys] = at.shapeOf(scores).slice(-2);
  let seen = scores;
  if (causal) {
    if (typeof queries !== "number" || typeof keys !== "number") throw at.refuse("a causal mask of unknown size");
    const data = Float64Array.from({ length: queries * keys }, (_, k) => (k % keys <= Math.floor(k / keys) ? 1 : 0));
    seen = at.op("where", at.constant({ shape: [queries, keys], data }), scores, -1e9);
  }
  const weights = at.op("softmax", seen, -1);
  return at.op("matmul", rate === 0 ? weights : at.apply(() => new Dropout(rate), weights, "dropout"), values);
}

/** tanh of the sum of each query and each key, (N, L, S, features). */
function sums(at: LayerStep, query: Argument, key: Argument, scale: Argument | null): Argument {
  const all = at.op("add", at.op("unsqueeze", query, 2), at.op("unsqueeze", key, 1));
  return at.op("tanh", scale === null ? all : at.op("mul", all, scale));
}

/** Attention without projections, by products (Luong et al. 2015) or sums (Bahdanau et al. 2015). */
function attention(isAdditive: boolean): Row {
  return (at) => {
    const [query, value, key = value] = at.inputs;
    if (value === undefined || at.inputs.length > 3) throw at.refuse(`${at.inputs.length} inputs`);
    if (at.inputs.some(({ shape }) => shape.length !== 3)) throw at.refuse("inputs that are no sequences");
    if (at.options["return_attention_scores"] === true) throw at.refuse("return_attention_scores");
    const mode = at.text("score_mode", "dot");
    if (mode !== "dot" && mode !== "concat") throw at.refuse(`score_mode ${printable(mode)}`);
    const [q, k, v] = [query, key, value].map((one) => at.keras(one));
    const own = (role: string): Argument => at.parameterOnce(role, at.weight(role));
    const scale = at.flag("use_scale", isAdditive) ? own("scale") : null;
    const scoresOf = (): Argument => {
      if (isAdditive) {
        const all = sums(at, q, k, null);
        return at.op("sum", scale === null ? all : at.op("mul", all, scale), [3]);
      }
      if (mode === "concat") return at.op("mul", at.op("sum", sums(at, q, k, scale), [3]), own("concat_score_weight"));
      const products = at.op("matmul", q, at.op("transpose", k, [0, 2, 1]));
      return scale === null ? products : at.op("mul", products, scale);
    };
    const causal = at.config["causal"] === true || at.options["use_causal_mask"] === true;
    return at.plain(weighted(at, scoresOf(), v, causal, at.number("dropout", 0)));
  };
}

/** Products of values with each other. */
export const dotProductRows: Readonly<Record<string, Row>> = {
  ...{ Dot: importDot, Attention: attention(false), AdditiveAttention: attention(true) },
};
