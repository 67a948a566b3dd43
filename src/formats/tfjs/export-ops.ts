import type { PoolOptions } from "../../ops/pool2d.js";
import type { Pair } from "../../ops/windows.js";
import { broadcastShapes, type Shape } from "../../shape.js";
import type { OpWriter } from "../foreign/layer-writers.js";
import type { BatchShape } from "../foreign/shape-after.js";
import { scaled } from "./export-norms.js";
import { exportAvgPool2d, exportMaxPool2d } from "./export-pooling.js";
import { sameOrder, type TfjsValue } from "./tfjs-value.js";
import type { TfjsLayerOptions, TfjsWriter } from "./tfjs-writer.js";

type Op = OpWriter<TfjsWriter, TfjsValue>;

/** An op that is one layer of x, value by value. */
function elementwise(
  className: string,
  configOf: (...settings: never[]) => Record<string, unknown> = () => ({}),
  options: TfjsLayerOptions = {},
): Op {
  return ({ args: [x, ...settings] }, graph) =>
    graph.layer(className, [x as TfjsValue], configOf(...(settings as never[])), options);
}

const activation = (name: string) => (): Record<string, unknown> => ({ activation: name });

/** What each op is in TF.js. */
export const tfjsOps: Readonly<Record<string, Op>> = {
  add: ({ args }, graph) => {
    const sides = args as TfjsValue[];
    const [a, b] = sides.map(({ shape }) => shape);
    const shape = broadcastShapes(`add in ${graph.path === "" ? "the network" : graph.path}`, a, b);
    if (sameOrder(sides[0].order, sides[1].order) && a.length === b.length) {
      return graph.layer("Add", sides, {}, { shape });
    }
    const aligned = sides.map((side) => {
      const here = graph.here(side);
      const missing = shape.length - side.shape.length;
      const full = [...new Array<number>(missing).fill(1), ...side.shape];
      return missing === 0 ? here : graph.reshape(here, full, { shape: full });
    });
    return graph.layer("Add", aligned, {}, { shape });
  },
  relu: elementwise("ReLU", () => ({}), { isPositive: true }),
  relu6: elementwise("ReLU", () => ({ max_value: 6 }), { isPositive: true }),
  leakyRelu: elementwise("LeakyReLU", (slope: number = 0.01) => ({ alpha: slope })),
  elu: ({ args }, graph) => {
    const [x, alpha = 1] = args as [TfjsValue, number | undefined];
    const unit = graph.layer("ELU", [x], { alpha: 1 });
    if (alpha === 1) return unit;
    // TF.js has alpha 1 only: alpha · elu(x) + (1 − alpha) · relu(x).
    const relu = graph.layer("ReLU", [x], {}, { role: "relu" });
    const sides = [
      scaled(unit, { gamma: () => alpha }, "alpha", graph),
      scaled(relu, { gamma: () => 1 - alpha }, "rest", graph),
    ];
    return graph.layer("Add", sides, {}, { role: "sum" });
  },
  sigmoid: elementwise("Activation", activation("sigmoid"), { isPositive: true }),
  tanh: elementwise("Activation", activation("tanh")),
  gelu: elementwise("Activation", activation("gelu")),
  silu: elementwise("Activation", activation("swish")),
  softmax: ({ args }, graph) => {
    const [x, axis = -1] = args as [TfjsValue, number | undefined];
    const rank = x.shape.length;
    const place = axis < 0 ? axis + rank + 1 : axis;
    const options = { isPositive: true };
    // TF.js has it along the last axis only.
    const flat = rank === 1 ? x : place === 1 ? graph.channelsLast(x) : graph.here(x);
    if (place === 1 || place === rank) return graph.layer("Softmax", [flat], { axis: -1 }, options);
    const dims = Array.from({ length: rank }, (_, k) => k + 1).map((dim) => (dim === rank ? place : dim));
    dims[place - 1] = rank;
    const swapped = graph.layer("Permute", [flat], { dims }, { role: "swap" });
    const y = graph.layer("Softmax", [swapped], { axis: -1 }, options);
    return graph.layer("Permute", [y], { dims }, { role: "back", ...options });
  },
  flatten: ({ args, shape }, graph) => {
    const x = args[0] as TfjsValue;
    if (x.shape.length === 1) return x;
    const order = x.order === "channelsLast" ? x.shape : "here";
    return graph.layer("Flatten", [x], {}, { shape: sampleOf(shape, x), order, isPositive: x.isPositive });
  },
  maxPool2d: ({ args, shape }, graph) => {
    const [x, kernel, options = {}] = args as [TfjsValue, Pair, PoolOptions | undefined];
    return exportMaxPool2d({ kernel, options }, x, graph, sampleOf(shape, x));
  },
  avgPool2d: ({ args, shape }, graph) => {
    const [x, kernel, options = {}] = args as [TfjsValue, Pair, PoolOptions | undefined];
    return exportAvgPool2d({ kernel, options }, x, graph, sampleOf(shape, x));
  },
  globalAvgPool2d: ({ args, shape }, graph) => {
    const x = args[0] as TfjsValue;
    const options = { shape: sampleOf(shape, x), order: "here", isPositive: x.isPositive } as const;
    return graph.layer("GlobalAveragePooling2D", [graph.channelsLast(x)], { data_format: "channels_last" }, options);
  },
};

/** The sizes of a sample of an output. */
function sampleOf(shape: BatchShape | null, x: TfjsValue): Shape {
  return shape === null ? x.shape : shape.slice(1).map(Number);
}
