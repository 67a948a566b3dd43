import type { Argument } from "../../../../graph/argument.js";
import { Linear } from "../../../../nn/linear.js";
import { MultiHeadAttention } from "../../../../nn/multi-head-attention.js";
import { withState } from "../../../onnx/import/imported-layer.js";
import { batchSize } from "../../../onnx/import/shapes/open-shapes.js";
import { printable } from "../../../printable.js";
import type { LayerStep } from "../layer-step.js";
import { rearranged } from "../rearranged.js";
import type { Value } from "../value.js";
import { weighted } from "./dot-products.js";
import type { Row } from "./row.js";

/** A matrix (O, I) with its bias. */
interface Projection {
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: Float64Array;
  readonly bias: Float64Array | null;
}

/** A projection to heads, whose kernel is (features, heads, width), or from them, (heads, width, features). */
function projection(
  at: LayerStep,
  part: string,
  isOut: boolean,
): Projection & { readonly heads: number; readonly width: number } {
  const { shape, data } = at.weight(`${part}/kernel`);
  if (shape.length !== 3) throw at.refuse(`a ${part} kernel of rank ${shape.length}`);
  const [inputs, outputs] = isOut ? [shape[0] * shape[1], shape[2]] : [shape[0], shape[1] * shape[2]];
  const [heads, width] = isOut ? [shape[0], shape[1]] : [shape[1], shape[2]];
  const bias = at.flag("use_bias", true) ? at.weight(`${part}/bias`).data : null;
  if (bias !== null && bias.length !== outputs) throw at.refuse(`a ${part} bias of ${bias.length} values`);
  const weight = rearranged({ shape: [inputs, outputs], data }, [1, 0]).data;
  return { inputs, outputs, weight, bias, heads, width };
}

function checkSettings(at: LayerStep): void {
  const axes = at.config["attention_axes"] ?? [1];
  if (String(axes) !== "1") throw at.refuse(`attention_axes ${printable(axes)}`);
  const known = ["query", "value", "key", "use_causal_mask", "training", "return_attention_scores"];
  for (const [key, value] of Object.entries(at.options)) {
    const isOff = value === null || value === false || key === "training";
    if (!isOff && (!known.includes(key) || key === "return_attention_scores")) throw at.refuse(`a ${key}`);
  }
}

/** Query, value and key, of which the last two may be named, and the key is the value where it is not given. */
function argumentsOf(at: LayerStep): [query: Value, value: Value, key: Value] {
  const named = (name: string): Value | undefined => at.options[name] as Value | undefined;
  const [query, second = named("value"), third = named("key") ?? second] = at.inputs;
  if (second === undefined || third === undefined || at.inputs.length > 3)
    throw at.refuse(`${at.inputs.length} inputs`);
  return [query, second, third];
}

function importAttention(at: LayerStep): Value {
  checkSettings(at);
  const [query, value, key] = argumentsOf(at);
  if ([query, value, key].some(({ shape }) => shape.length !== 3)) throw at.refuse("inputs that are no sequences");
  const parts = (["query", "key", "value"] as const).map((part) => projection(at, part, false));
  const out = projection(at, "attention_output", true);
  const [q, k, v] = parts;
  // Of a GroupQueryAttention several heads of queries share one of keys and values.
  const shared = q.heads / k.heads;
  const isWhole = Number.isInteger(shared) && v.heads === k.heads && out.heads === q.heads;
  if (!isWhole || q.width !== k.width || out.width !== v.width) throw at.refuse("projections of different sizes");
  for (const [{ inputs }, x] of [
    [q, query],
    [k, key],
    [v, value],
  ] as const) {
    const size = x.shape[2];
    if (typeof size === "number" && size !== inputs)
      throw at.refuse(`an input of ${size} features with weights for ${inputs}`);
  }
  const causal = at.options["use_causal_mask"] === true;
  const dropout = at.number("dropout", 0);
  const shape = [query.shape[0], query.shape[1], out.outputs];
  const isSelf = query === key && key === value;
  const isSquare = [...parts, out].every(({ inputs, outputs }) => inputs === q.inputs && outputs === q.inputs);
  if (isSelf && isSquare && shared === 1 && dropout === 0) {
    const make = (): MultiHeadAttention => {
      const layer = new MultiHeadAttention(q.inputs, q.heads, { bias: q.bias !== null, causal });
      const biases =
        q.bias === null
          ? {}
          : { in_proj_bias: joined(parts.map(({ bias }) => bias)), "out_proj.bias": joined([out.bias]) };
      return withState(layer, {
        in_proj_weight: joined(parts.map(({ weight }) => weight)),
        "out_proj.weight": out.weight,
        ...biases,
      });
    };
    return at.plain(at.module(make, at.keras(query), causal ? "causal" : ""), shape);
  }
  const linear = (role: string, { inputs, outputs, weight, bias }: Projection, x: Argument): Argument =>
    at.module(
      () =>
        withState(new Linear(inputs, outputs, { bias: bias !== null }), { weight, ...(bias === null ? {} : { bias }) }),
      x,
      role,
    );
  const split = (
    ref: Argument,
    { heads, width }: { heads: number; width: number },
    { shape: [, steps] }: Value,
  ): Argument => {
    const size = typeof steps === "number" ? steps : -1;
    const all = at.op("transpose", at.op("reshape", ref, [batchSize, size, heads, width]), [0, 2, 1, 3]);
    return heads === q.heads ? all : at.op("repeat", all, shared, 1);
  };
  const [queries, keys, values] = [
    split(linear("query", q, at.keras(query)), q, query),
    split(linear("key", k, at.keras(key)), k, key),
    split(linear("value", v, at.keras(value)), v, value),
  ];
  const heads =
    dropout === 0
      ? at.op("scaledDotProductAttention", queries, keys, values, { causal })
      : weighted(at, scaledProducts(at, queries, keys, q.width), values, causal, dropout);
  const steps = query.shape[1];
  const rows = at.op("reshape", at.op("transpose", heads, [0, 2, 1, 3]), [
    batchSize,
    typeof steps === "number" ? steps : -1,
    out.inputs,
  ]);
  return at.plain(linear("attention_output", out, rows), shape);
}

/** Scores of queries and keys, (N, heads, L, S). */
function scaledProducts(at: LayerStep, queries: Argument, keys: Argument, width: number): Argument {
  return at.op("matmul", at.op("mul", queries, 1 / Math.sqrt(width)), at.op("transpose", keys, [0, 1, 3, 2]));
}

function joined(parts: readonly (Float64Array | null)[]): Float64Array {
  return Float64Array.from(parts.flatMap((part) => [...(part ?? [])]));
}

/** Attention over sequences (N, T, features). */
export const attentionRows: Readonly<Record<string, Row>> = {
  ...{ MultiHeadAttention: importAttention, GroupQueryAttention: importAttention },
};
