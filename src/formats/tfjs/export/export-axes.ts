import type { ReduceOptions } from "../../../ops/sum.js";
import { type Shape, sameShape, sizeOf } from "../../../shape.js";
import { scaled } from "./export-norms.js";
import type { TfjsValue } from "./tfjs-value.js";
import type { TfjsLayerOptions, TfjsWriter } from "./tfjs-writer.js";

const counted = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** x in another shape, its values in the order of Evenkeel. */
export function exportReshape(x: TfjsValue, shape: Shape, graph: TfjsWriter): TfjsValue {
  return resized(graph.here(x), shape, graph);
}

/** A Reshape, where it changes anything. */
function resized(x: TfjsValue, shape: Shape, graph: TfjsWriter, options: TfjsLayerOptions = {}): TfjsValue {
  return sameShape(x.shape, shape) ? x : graph.reshape(x, shape, { shape, ...options });
}

/** @param order - axes of x, the batch being 0; undefined: all in reverse */
export function exportTranspose(x: TfjsValue, order: readonly number[], shape: Shape, graph: TfjsWriter): TfjsValue {
  const [, ...axes] = order;
  const rank = axes.length;
  if (rank > 1) {
    // Channels that stand where they are wanted, there or here.
    const toLast = axes.every((axis, k) => axis === (k === rank - 1 ? 1 : k + 2));
    if (toLast && x.order === "channelsLast") return { ...x, shape, order: "here" };
    const toFirst = axes.every((axis, k) => axis === (k === 0 ? rank : k));
    if (toFirst && x.order === "here") return { ...x, shape, order: "channelsLast" };
  }
  const source = graph.here(x);
  if (axes.every((axis, k) => axis === k + 1)) return source;
  return graph.layer("Permute", [source], { dims: axes }, { shape, isPositive: x.isPositive });
}

export function exportConcat(list: readonly TfjsValue[], axis: number, shape: Shape, graph: TfjsWriter): TfjsValue {
  const rank = shape.length;
  const place = counted(axis, rank + 1);
  const isLast = list.some(({ order }) => order === "channelsLast");
  const sides = list.map((x) => (isLast ? graph.channelsLast(x) : graph.here(x)));
  const there = !isLast ? place : place === 1 ? rank : place - 1;
  const isPositive = list.every((x) => x.isPositive);
  if (sides.length === 1) return sides[0];
  return graph.layer("Concatenate", sides, { axis: there }, { shape, isPositive });
}

/** A Cropping2D along the middle of three axes. */
export function exportSlice(
  x: TfjsValue,
  [start, end]: readonly [start: number, end: number | undefined],
  axis: number,
  shape: Shape,
  graph: TfjsWriter,
): TfjsValue {
  const along = counted(axis, shape.length + 1) - 1;
  // All of the batch.
  if (along < 0) return x;
  const size = x.shape[along];
  const [from, to] = [counted(start, size), counted(end ?? size, size)];
  const source = graph.here(x);
  const [before, after] = [sizeOf(x.shape.slice(0, along)), sizeOf(x.shape.slice(along + 1))];
  const rows = resized(source, [before, size, after], graph, { role: "rows" });
  const cropping = [
    [0, 0],
    [from, size - to],
  ];
  const options = { shape: [before, to - from, after], role: "crop", isPositive: x.isPositive };
  const part = graph.layer("Cropping2D", [rows], { cropping, data_format: "channels_last" }, options);
  return resized(part, shape, graph);
}

/** The mean or the largest of values along axes of a sample. */
function pooled(
  kind: "Average" | "Max",
  x: TfjsValue,
  axes: readonly number[],
  shape: Shape,
  graph: TfjsWriter,
): TfjsValue {
  const rank = x.shape.length;
  const isSpatial = rank > 1 && axes.length === rank - 1 && !axes.includes(0);
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const options = { order: "here", isPositive: x.isPositive } as const;
  if (isSpatial && rank <= 3) {
    const last = graph.channelsLast(x);
    const channels = [x.shape[0]];
    const name = `Global${kind}Pooling${rank - 1}D`;
    const config = rank === 3 ? { data_format: "channels_last" } : {};
    return resized(graph.layer(name, [last], config, { ...options, shape: channels }), shape, graph);
  }
  // Others become the first of two axes, of which TF.js takes the mean.
  const source = graph.here(x);
  const wanted = [...axes, ...kept];
  const sizes = (list: readonly number[]): number => sizeOf(list.map((axis) => x.shape[axis]));
  const isInOrder = wanted.every((axis, k) => axis === k);
  const permuted = isInOrder
    ? source
    : graph.layer(
        "Permute",
        [source],
        { dims: wanted.map((axis) => axis + 1) },
        {
          shape: wanted.map((axis) => x.shape[axis]),
          role: "swap",
          isPositive: x.isPositive,
        },
      );
  const columns = resized(permuted, [sizes(axes), sizes(kept)], graph, { role: "columns" });
  const y = graph.layer(`Global${kind}Pooling1D`, [columns], {}, { ...options, shape: [sizes(kept)] });
  return resized(y, shape, graph);
}

/** What a reduction is called with. */
export type ReductionArguments = readonly [
  x: TfjsValue,
  axis?: number | readonly number[] | undefined,
  options?: ReduceOptions | undefined,
];

/** A reduction over axes of a sample. */
export function exportReduction(
  op: "sum" | "mean" | "max",
  [x, axis = []]: ReductionArguments,
  shape: Shape,
  graph: TfjsWriter,
): TfjsValue {
  const axes = [axis]
    .flat()
    .map((one) => counted(one, x.shape.length + 1) - 1)
    .sort((a, b) => a - b);
  if (axes.length === 0) return x;
  if (op !== "sum") return pooled(op === "mean" ? "Average" : "Max", x, axes, shape, graph);
  // The mean, times the count.
  const count = sizeOf(axes.map((one) => x.shape[one]));
  const kept = x.shape.filter((_, one) => !axes.includes(one));
  const means = pooled("Average", x, axes, kept.length === 0 ? [1] : kept, graph);
  return resized(scaled(means, { gamma: () => count }, "count", graph), shape, graph);
}
