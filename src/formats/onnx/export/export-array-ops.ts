import { ArgumentError } from "../../../errors.js";
import { SizeRef } from "../../../graph/argument.js";
import type { PadOptions, PadWidths } from "../../../ops/pad.js";
import type { UpsampleOptions } from "../../../ops/upsample.js";
import type { Pair } from "../../../ops/windows.js";
import { resolveAxisOf } from "./attributes.js";
import type { OnnxValue, OnnxWriter } from "./onnx-writer.js";
import type { Op } from "./op-rows.js";

type Axes = number | readonly number[] | undefined;

/** Axes of a value counted from the front; all of them if none are named. */
function axesOf(axes: Axes, { length }: OnnxValue["shape"]): number[] {
  if (axes === undefined) return Array.from({ length }, (_, k) => k);
  return [axes].flat().map((axis) => resolveAxisOf(axis, length));
}

/** A list of whole numbers as a constant. */
function list(key: string, values: readonly number[], graph: OnnxWriter): OnnxValue {
  return graph.constant(key, [values.length], values, "int64");
}

/** Indices as whole numbers: a value, or numbers in nested arrays. */
function indicesOf(given: unknown, graph: OnnxWriter): OnnxValue {
  if (typeof given !== "number" && !Array.isArray(given)) {
    const value = given as OnnxValue;
    return value.type === "int64" ? value : graph.node("Cast", [value], { to: 7 }, { type: "int64" });
  }
  const shape: number[] = [];
  for (let level: unknown = given; Array.isArray(level); level = level[0]) shape.push(level.length);
  return graph.constant("indices", shape, [given].flat(Number.POSITIVE_INFINITY).map(Number), "int64");
}

/** A size that is a number. @throws ArgumentError if it varies */
function sizeOf(op: string, { shape }: OnnxValue, axis: number): number {
  const size = shape[axis];
  if (typeof size === "number") return size;
  throw new ArgumentError({
    where: "exportOnnx(model)",
    expected: `${op} along an axis whose size is known`,
    received: `axis ${axis} of size ${size}`,
    cure: "Keep the batch in axis 0, and trace the network without freeAxes.",
  });
}

const gather: Op = ({ args, shape }, graph) => {
  const [x, indices, axis = 0] = args as [OnnxValue, unknown, number | undefined];
  const places = indicesOf(indices, graph);
  const along = resolveAxisOf(axis, x.shape.length);
  const taken = [...x.shape.slice(0, along), ...places.shape, ...x.shape.slice(along + 1)];
  return graph.node("Gather", [x, places], { axis: along }, { shape: shape ?? taken });
};

/** What ops of shapes and indices are in ONNX. */
export const arrayOps: Readonly<Record<string, Op>> = {
  squeeze: ({ args, shape }, graph) => {
    const [x, given] = args as [OnnxValue, Axes];
    const axes = axesOf(given, x.shape).filter((axis) => given !== undefined || x.shape[axis] === 1);
    const kept = x.shape.filter((_, axis) => !axes.includes(axis));
    return graph.node("Squeeze", [x, list("axes", axes, graph)], {}, { shape: shape ?? kept });
  },
  unsqueeze: ({ args, shape }, graph) => {
    const [x, axis] = args as [OnnxValue, number];
    const at = resolveAxisOf(axis, x.shape.length + 1);
    return unsqueezed(x, at, graph, shape ?? undefined);
  },
  stack: ({ args, shape }, graph) => {
    const [given, axis = 0] = args as [readonly OnnxValue[], number | undefined];
    const at = resolveAxisOf(axis, given[0].shape.length + 1);
    const sides = given.map((x) => unsqueezed(x, at, graph));
    return graph.node("Concat", sides, { axis: at }, { shape: shape ?? sides[0].shape.with(at, given.length) });
  },
  flip: ({ args }, graph) => {
    const [x, given] = args as [OnnxValue, Axes];
    const axes = axesOf(given, x.shape);
    const every = (key: string, value: number): OnnxValue =>
      list(
        key,
        axes.map(() => value),
        graph,
      );
    // From the last value to one before the first, which stands where no axis reaches.
    const inputs = [
      x,
      every("starts", -1),
      every("ends", -(2 ** 31 - 1)),
      list("axes", axes, graph),
      every("steps", -1),
    ];
    return graph.node("Slice", inputs);
  },
  broadcastTo: ({ args, shape }, graph) => {
    const [x, sizes] = args as [OnnxValue, readonly (number | SizeRef)[]];
    return graph.node("Expand", [x, graph.sizes("shape", sizes)], {}, { shape: shape ?? x.shape });
  },
  repeat: ({ args, shape }, graph) => {
    const [x, count, axis = 0] = args as [OnnxValue, number, number | undefined];
    const along = resolveAxisOf(axis, x.shape.length);
    const size = sizeOf("repeat", x, along);
    const places = Array.from({ length: size * count }, (_, k) => Math.floor(k / count));
    const output = { shape: shape ?? x.shape.with(along, size * count) };
    return graph.node("Gather", [x, list("indices", places, graph)], { axis: along }, output);
  },
  tile: ({ args, shape }, graph) => {
    const [given, counts] = args as [OnnxValue, readonly number[]];
    let x = given;
    while (x.shape.length < counts.length) x = unsqueezed(x, 0, graph);
    const times = [...new Array<number>(x.shape.length - counts.length).fill(1), ...counts];
    return graph.node("Tile", [x, list("repeats", times, graph)], {}, { shape: shape ?? x.shape });
  },
  pad: ({ args, shape }, graph) => {
    const [x, widths, options] = args as [OnnxValue, readonly PadWidths[], PadOptions | undefined];
    const { mode = "constant", value = 0 } = options ?? {};
    const none = new Array<number>(x.shape.length - widths.length).fill(0);
    const side = (k: 0 | 1): number[] => [...none, ...widths.map((pair) => pair[k])];
    const inputs = [x, list("pads", [...side(0), ...side(1)], graph)];
    const constant = mode === "constant" ? [graph.constant("value", [], [value])] : [];
    const attributes = { mode: mode === "replicate" ? "edge" : mode };
    return graph.node("Pad", [...inputs, ...constant], attributes, { shape: shape ?? x.shape });
  },
  gather,
  indexSelect: gather,
  takeAlongAxis: ({ args, shape }, graph) => {
    const [x, indices, axis = -1] = args as [OnnxValue, unknown, number | undefined];
    const places = indicesOf(indices, graph);
    const along = resolveAxisOf(axis, x.shape.length);
    const isFit = x.shape.every((size, k) => k === along || size === places.shape[k]);
    if (isFit) return graph.node("GatherElements", [x, places], { axis: along }, { shape: shape ?? places.shape });
    throw new ArgumentError({
      where: "exportOnnx(model)",
      expected: "takeAlongAxis of indices as large as x along the other axes, as ONNX has it",
      received: `${places.shape.join("×")} of ${x.shape.join("×")}`,
      cure: "Repeat them with broadcastTo() before.",
    });
  },
  oneHot: ({ args, shape }, graph) => {
    const [indices, classes] = args as [unknown, number];
    const places = indicesOf(indices, graph);
    const inputs = [places, graph.constant("depth", [], [classes], "int64"), graph.constant("values", [2], [0, 1])];
    return graph.node("OneHot", inputs, { axis: -1 }, { shape: shape ?? [...places.shape, classes], type: "float32" });
  },
  upsample: ({ args, shape }, graph) => {
    const [x, scale, options] = args as [OnnxValue, Pair | null, UpsampleOptions | undefined];
    const { mode = "nearest", alignCorners = false, size } = options ?? {};
    const both = (pair: Pair): readonly [number, number] =>
      typeof pair === "number" ? [pair, pair] : [pair[0], pair[1]];
    const attributes =
      mode === "nearest"
        ? { mode, coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" }
        : { mode: "linear", coordinate_transformation_mode: alignCorners ? "align_corners" : "half_pixel" };
    const none = graph.absent();
    const wanted =
      size === undefined
        ? [none, graph.constant("scales", [4], [1, 1, ...both(scale as Pair)])]
        : [none, none, graph.sizes("sizes", [new SizeRef(0, 1), sizeOf("upsample", x, 1), ...both(size)])];
    return graph.node("Resize", [x, ...wanted], attributes, { shape: shape ?? x.shape });
  },
  glu: ({ args, shape }, graph) => {
    const [x, axis = -1] = args as [OnnxValue, number | undefined];
    const along = resolveAxisOf(axis, x.shape.length);
    const half = sizeOf("glu", x, along) / 2;
    const output = { shape: shape ?? x.shape.with(along, half) };
    const part = (start: number): OnnxValue => {
      const [starts, ends] = [list("starts", [start], graph), list("ends", [start + half], graph)];
      return graph.node("Slice", [x, starts, ends, list("axes", [along], graph)], {}, output);
    };
    return graph.node("Mul", [part(0), graph.node("Sigmoid", [part(half)])]);
  },
  pixelShuffle: ({ args, shape }, graph) => {
    const [x, factor] = args as [OnnxValue, number];
    return graph.node("DepthToSpace", [x], { blocksize: factor, mode: "CRD" }, { shape: shape ?? x.shape });
  },
};

function unsqueezed(x: OnnxValue, at: number, graph: OnnxWriter, shape?: OnnxValue["shape"]): OnnxValue {
  const output = { shape: shape ?? [...x.shape.slice(0, at), 1, ...x.shape.slice(at)] };
  return graph.node("Unsqueeze", [x, list("axes", [at], graph)], {}, output);
}
