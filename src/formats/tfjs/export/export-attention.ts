import { tensor } from "../../../create.js";
import type { AttentionOptions } from "../../../ops/attention.js";
import { broadcastStrides, type Shape } from "../../../shape.js";
import type { OpWriter } from "../../foreign/layer-writers.js";
import { exportAdd, exportMul, placeOf } from "./export-arithmetic.js";
import { exportConcat, exportReshape, exportSlice } from "./export-axes.js";
import { TfjsConstant, type TfjsValue } from "./tfjs-value.js";
import type { TfjsWriter } from "./tfjs-writer.js";

type Options = Omit<AttentionOptions, "mask" | "bias"> & {
  readonly mask?: TfjsValue | null;
  readonly bias?: TfjsValue | null;
};

/** Stands for −∞ in scores: no exponential of it is above 0. */
const hidden = -1e9;

/** Attention as the layers that it consists of, head by head: Dot, which TF.js has for one matrix in a sample. */
export const exportAttention: OpWriter<TfjsWriter, TfjsValue> = ({ args }, graph) => {
  const [q, k, v, options = {}] = args as [TfjsValue, TfjsValue, TfjsValue, Options | undefined];
  const [rank, ...ranks] = [q, k, v].map(({ shape }) => shape.length);
  if (rank < 2 || rank > 3 || ranks.some((one) => one !== rank)) {
    const received = `values of ${[rank, ...ranks].map((one) => one + 1).join(", ")} axes`;
    graph.refuse("attention of sequences, or of heads of such", received, "Join axes of the sample before.");
  }
  const heads = rank === 2 ? 1 : q.shape[0];
  const counts = [q, k, v].map(({ shape }) => (rank === 2 ? 1 : shape[0]));
  if (counts.some((count) => count !== heads)) {
    graph.refuse("as many heads of queries, keys and values", counts.join(", "), "Repeat those that are fewer before.");
  }
  const [[queries, width], [keys]] = [q, k].map(({ shape }) => shape.slice(-2));
  const added = addedTo(options, [heads, queries, keys], graph);
  const outputs = Array.from({ length: heads }, (_, head) => {
    const part = (x: TfjsValue): TfjsValue => (rank === 2 ? graph.here(x) : ofHead(x, head, graph));
    const scaled = exportMul([part(q), options.scale ?? 1 / Math.sqrt(width)], graph);
    const square = { shape: [queries, keys], order: "here" } as const;
    const products = graph.layer("Dot", [scaled, part(k)], { axes: [2, 2], normalize: false }, square);
    const bias = added?.subarray(head * queries * keys, (head + 1) * queries * keys);
    const scores = bias === undefined ? products : exportAdd([products, fixed("bias", bias, [queries, keys])], graph);
    const weights = graph.layer("Softmax", [scores], { axis: -1 }, { ...square, role: "weights", isPositive: true });
    const sums = { shape: [queries, v.shape[rank - 1]], order: "here", role: "sums" } as const;
    return graph.layer("Dot", [weights, part(v)], { axes: [2, 1], normalize: false }, sums);
  });
  if (rank === 2) return outputs[0];
  const one = [1, queries, v.shape[2]];
  const parts = outputs.map((y) => exportReshape(y, one, graph));
  return exportConcat(parts, 1, [heads, ...one.slice(1)], graph);
};

function ofHead(x: TfjsValue, head: number, graph: TfjsWriter): TfjsValue {
  return exportSlice(x, [head, head + 1], 1, x.shape.slice(1), graph);
}

function fixed(name: string, values: Float32Array, shape: Shape): TfjsConstant {
  return new TfjsConstant(name, tensor(values, [1, ...shape]));
}

/** What is added to the scores of all heads: a bias, and −∞ where a query does not see a key; null: nothing. */
function addedTo({ causal = false, mask, bias }: Options, shape: Shape, graph: TfjsWriter): Float32Array | null {
  const given = [mask, bias].filter((one) => one !== null && one !== undefined);
  if (!given.every((one) => one instanceof TfjsConstant)) {
    const cure = "Leave out the mask where sequences are whole, or give the class toTfjs(x, graph).";
    graph.refuse(
      "masks and biases of the network itself, since TF.js has no layer that chooses",
      "a computed one",
      cure,
    );
  }
  if (given.length === 0 && !causal) return null;
  const [heads, queries, keys] = shape;
  const valuesOf = (one: TfjsValue | null | undefined): ((k: number) => number) | null => {
    if (!(one instanceof TfjsConstant)) return null;
    const sizes = one.shape.length > 3 ? one.shape.slice(1) : one.shape;
    const strides = broadcastStrides(sizes, shape);
    const values = one.tensor.dataSync();
    return (k) => values[placeOf(k, shape, strides)];
  };
  const [seen, more] = [valuesOf(mask), valuesOf(bias)];
  const added = Float32Array.from({ length: heads * queries * keys }, (_, k) => {
    const isLater = causal && k % keys > Math.floor(k / keys) % queries;
    return isLater || seen?.(k) === 0 ? hidden : (more?.(k) ?? 0);
  });
  for (let row = 0; row < added.length; row += keys) {
    if (added.subarray(row, row + keys).every((value) => value === hidden)) {
      graph.refuse("queries that see a key each", "a query that sees none", "Leave such queries out of the mask.");
    }
  }
  return added;
}
