import type { PadOptions, PadWidths } from "../../../ops/pad.js";
import type { UpsampleOptions } from "../../../ops/upsample.js";
import type { Pair } from "../../../ops/windows.js";
import type { Shape } from "../../../shape.js";
import type { OpWriter, WrittenWindows } from "../../foreign/layer-writers.js";
import type { BatchShape } from "../../foreign/shape-after.js";
import {
  exportAdd,
  exportBroadcast,
  exportDiv,
  exportMul,
  exportNeg,
  exportPow,
  exportSub,
} from "./export-arithmetic.js";
import { exportAttention } from "./export-attention.js";
import {
  exportConcat,
  exportReduction,
  exportReshape,
  exportSlice,
  exportTranspose,
  type ReductionArguments,
} from "./export-axes.js";
import {
  exportConv1d,
  exportConv2d,
  exportConv3d,
  exportConvTranspose1d,
  exportConvTranspose2d,
  type Weights,
  zeroPadded,
} from "./export-convolutions.js";
import { exportEmbedding, exportLinear, exportMatmul } from "./export-dense.js";
import { elementwiseOps } from "./export-elementwise.js";
import { scaled } from "./export-norms.js";
import { exportAdaptivePool, exportPool, type Pool } from "./export-pooling.js";
import { TfjsConstant, type TfjsValue } from "./tfjs-value.js";
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

type Operands = readonly (TfjsValue | number)[];

/** The weight and bias of an op as those of a layer. @throws ArgumentError if they are computed from inputs */
function weights(op: string, weight: TfjsValue, bias: TfjsValue | null | undefined, graph: TfjsWriter): Weights {
  if (weight instanceof TfjsConstant && (!bias || bias instanceof TfjsConstant)) {
    return { weight: weight.tensor, bias: bias ? bias.tensor : null };
  }
  return graph.refuse(
    `${op} with parameters or constants, since layers of TF.js have their weights themselves`,
    "weights that are computed from an input",
    "Compute it by mul and sum, or give its class toTfjs(x, graph).",
  );
}

/** A convolution of x with a weight and a bias or none, and settings that say nothing of what is as usual. */
function convolution(
  op: string,
  axes: number,
  write: (settings: never, x: TfjsValue, graph: TfjsWriter, shape: Shape) => TfjsValue,
): Op {
  return ({ args, shape }, graph) => {
    const [x, weight, bias, given = {}] = args as [TfjsValue, TfjsValue, TfjsValue | null, WrittenWindows | undefined];
    const all = (sizes: unknown): unknown =>
      typeof sizes === "number" && axes > 1 ? new Array<number>(axes).fill(sizes) : sizes;
    const windows = {
      stride: all(given.stride ?? 1),
      padding: given.padding ?? 0,
      outputPadding: all(given.outputPadding ?? 0),
      dilation: all(given.dilation ?? 1),
      groups: given.groups ?? 1,
    };
    // The op has checked its settings when it was traced.
    return write({ ...weights(op, weight, bias, graph), ...windows } as never, x, graph, sampleOf(shape, x));
  };
}

function pooling(kind: "Max" | "Average"): Op {
  return ({ args }, graph) => {
    const [x, kernel, options = {}] = args as [TfjsValue, unknown, Pool["options"] | undefined];
    return exportPool(kind, { kernel, options }, x, graph);
  };
}

function globalPooling(kind: "Max" | "Average"): Op {
  return ({ args, shape }, graph) => {
    const x = args[0] as TfjsValue;
    const options = { shape: sampleOf(shape, x), order: "here", isPositive: x.isPositive } as const;
    return graph.layer(`Global${kind}Pooling2D`, [graph.channelsLast(x)], { data_format: "channels_last" }, options);
  };
}

const reshaped: Op = ({ args, shape }, graph) => {
  const x = args[0] as TfjsValue;
  return exportReshape(x, sampleOf(shape, x), graph);
};

function adaptive(op: string): Op {
  return ({ args, shape }, graph) => {
    const x = args[0] as TfjsValue;
    return exportAdaptivePool(op, x, graph, sampleOf(shape, x));
  };
}

function reduction(op: "sum" | "mean" | "max"): Op {
  return ({ args, shape }, graph) => {
    const given = args as unknown as ReductionArguments;
    return exportReduction(op, given, sampleOf(shape, given[0]), graph);
  };
}

/** What each op is in TF.js, of values whose first axis is the batch. */
const rows: Readonly<Record<string, Op>> = {
  add: ({ args }, graph) => exportAdd(args as Operands, graph),
  sub: ({ args }, graph) => exportSub(args as Operands, graph),
  mul: ({ args }, graph) => exportMul(args as Operands, graph),
  div: ({ args }, graph) => exportDiv(args as Operands, graph),
  neg: ({ args }, graph) => exportNeg(args as Operands, graph),
  pow: ({ args }, graph) => exportPow(args as Operands, graph),
  matmul: ({ args, shape }, graph) => {
    const sides = args as readonly [TfjsValue, TfjsValue];
    return exportMatmul(sides, sampleOf(shape, sides[0]), graph);
  },
  linear: ({ args, shape }, graph) => {
    const [x, weight, bias] = args as [TfjsValue, TfjsValue, TfjsValue | null | undefined];
    return exportLinear(weights("linear", weight, bias, graph), x, graph, sampleOf(shape, x));
  },
  embedding: ({ args, shape }, graph) => {
    const [x, weight] = args as [TfjsValue, TfjsValue];
    return exportEmbedding(weights("embedding", weight, null, graph), x, graph, sampleOf(shape, x));
  },
  relu: elementwise("ReLU", () => ({}), { isPositive: true }),
  relu6: elementwise("ReLU", () => ({ max_value: 6 }), { isPositive: true }),
  leakyRelu: elementwise("LeakyReLU", (slope: number = 0.01) => ({ alpha: slope })),
  prelu: ({ args }, graph) => {
    const [given, slopes] = args as [TfjsValue, TfjsValue];
    const { weight } = weights("prelu", slopes, null, graph);
    const rank = given.shape.length;
    const isShared = weight.size === 1;
    const x = isShared ? given : rank === 1 ? graph.here(given) : graph.channelsLast(given);
    // Axes that share a slope; channels are the last one.
    const shared = Array.from({ length: isShared ? rank : rank - 1 }, (_, k) => k + 1);
    const shape = [...shared.map(() => 1), ...(isShared ? [] : [weight.size])];
    const alpha = { shape, values: weight.dataSync() };
    return graph.layer("PReLU", [x], { shared_axes: shared }, { weights: { alpha } });
  },
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
  softplus: elementwise("Activation", activation("softplus"), { isPositive: true }),
  gelu: elementwise("Activation", activation("gelu")),
  silu: elementwise("Activation", activation("swish")),
  hardSwish: ({ args }, graph) => {
    // TF.js has no such layer: x · (relu6(x + 3) / 6).
    const x = args[0] as TfjsValue;
    const raised = scaled(x, { beta: () => 3 }, "raised", graph);
    const gate = graph.layer("ReLU", [raised], { max_value: 6 }, { role: "gate", isPositive: true });
    const share = scaled(gate, { gamma: () => 1 / 6 }, "share", graph);
    return graph.layer("Multiply", [x, share]);
  },
  ...elementwiseOps,
  glu: ({ args, shape }, graph) => {
    const [x, axis = -1] = args as [TfjsValue, number | undefined];
    const sizes = sampleOf(shape, x);
    const along = axis < 0 ? axis + x.shape.length + 1 : axis;
    const size = x.shape[along - 1];
    const part = (start: number): TfjsValue => exportSlice(x, [start, start + size / 2], axis, sizes, graph);
    const gate = graph.layer("Activation", [part(size / 2)], { activation: "sigmoid" }, { role: "gate" });
    return graph.layer("Multiply", [part(0), gate], {}, { role: "product" });
  },
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
  ...{ reshape: reshaped, squeeze: reshaped, unsqueeze: reshaped },
  stack: ({ args, shape }, graph) => {
    const [list, axis = 0] = args as [readonly TfjsValue[], number | undefined];
    const sizes = sampleOf(shape, list[0]);
    const along = axis < 0 ? axis + sizes.length + 1 : axis;
    const one = sizes.map((size, k) => (k === along - 1 ? 1 : size));
    return exportConcat(
      list.map((x) => exportReshape(x, one, graph)),
      along,
      sizes,
      graph,
    );
  },
  pixelShuffle: ({ args, shape }, graph) => {
    const [x, factor] = args as [TfjsValue, number];
    const sizes = sampleOf(shape, x);
    const [, height, width] = x.shape;
    const parts = exportReshape(x, [sizes[0], factor, factor, height, width], graph);
    const turned = [sizes[0], height, factor, width, factor];
    const planes = graph.layer("Permute", [parts], { dims: [1, 4, 2, 5, 3] }, { shape: turned, role: "turned" });
    return exportReshape(planes, sizes, graph);
  },
  upsample: ({ args, shape }, graph) => {
    const [x, scale, options] = args as [TfjsValue, Pair | null, UpsampleOptions | undefined];
    const { mode = "nearest" } = options ?? {};
    const size = typeof scale === "number" ? [scale, scale] : (scale ?? []);
    const config = { size, data_format: "channels_last", interpolation: "nearest" };
    const output = { shape: sampleOf(shape, x), isPositive: x.isPositive };
    if (mode === "nearest" && size.length === 2 && size.every(Number.isInteger)) {
      return graph.layer("UpSampling2D", [graph.channelsLast(x)], config, output);
    }
    return graph.refuse(
      "upsampling of whole scales to the nearest value, as TF.js has it",
      `${mode} by ${size.length === 0 ? "a size" : size.join("×")}`,
      "Use such a scale, or ConvTranspose2d.",
    );
  },
  pad: ({ args }, graph) => {
    const [x, given, { mode = "constant", value = 0 } = {}] = args as [TfjsValue, PadWidths[], PadOptions | undefined];
    const widths = [...new Array<PadWidths>(Math.max(0, 3 - given.length)).fill([0, 0]), ...given];
    const [channels, ...sides] = widths;
    if (
      mode === "constant" &&
      value === 0 &&
      x.shape.length === 3 &&
      widths.length === 3 &&
      String(channels) === "0,0"
    ) {
      const [before, after] = [0, 1].map((k) => [sides[0][k], sides[1][k]] as const);
      return zeroPadded(graph.channelsLast(x), before, after, graph);
    }
    return graph.refuse(
      "zeros around planes, as TF.js has them",
      mode === "constant" ? `${value} around ${given.length} axes of samples of ${x.shape.length}` : `mode ${mode}`,
      "Pad height and width by zeros, or give a class of your own toTfjs(x, graph).",
    );
  },
  scaledDotProductAttention: exportAttention,
  broadcastTo: ({ args, shape }, graph) => {
    const x = args[0] as TfjsValue;
    return exportBroadcast(x, sampleOf(shape, x), graph);
  },
  flatten: ({ args, shape }, graph) => {
    const [x, start = 0] = args as [TfjsValue, number | undefined];
    const sizes = sampleOf(shape, x);
    if (x.shape.length === 1) return x;
    if (start !== 1 && start !== -x.shape.length) return exportReshape(x, sizes, graph);
    const order = x.order === "channelsLast" ? x.shape : "here";
    return graph.layer("Flatten", [x], {}, { shape: sizes, order, isPositive: x.isPositive });
  },
  transpose: ({ args, shape }, graph) => {
    const [x, order] = args as [TfjsValue, readonly number[] | undefined];
    const reversed = Array.from({ length: x.shape.length + 1 }, (_, k) => x.shape.length - k);
    return exportTranspose(x, order ?? reversed, sampleOf(shape, x), graph);
  },
  concat: ({ args, shape }, graph) => {
    const [list, axis = 0] = args as [readonly TfjsValue[], number | undefined];
    return exportConcat(list, axis, sampleOf(shape, list[0]), graph);
  },
  slice: ({ args, shape }, graph) => {
    const [x, start, end, axis = 0] = args as [TfjsValue, number, number | undefined, number | undefined];
    return exportSlice(x, [start, end], axis, sampleOf(shape, x), graph);
  },
  sum: reduction("sum"),
  mean: reduction("mean"),
  max: reduction("max"),
  min: ({ args: [x, ...rest], shape }, graph) => {
    const negative = exportNeg([x as TfjsValue], graph);
    const given = [negative, ...rest] as unknown as ReductionArguments;
    const largest = exportReduction("max", given, sampleOf(shape, negative), graph);
    return largest.shape.length === 0
      ? exportReshape(exportNeg([exportReshape(largest, [1], graph)], graph), [], graph)
      : exportNeg([largest], graph);
  },
  detach: ({ args: [x] }) => x as TfjsValue,
  conv1d: convolution("conv1d", 1, exportConv1d),
  conv2d: convolution("conv2d", 2, exportConv2d),
  conv3d: convolution("conv3d", 3, exportConv3d),
  convTranspose1d: convolution("convTranspose1d", 1, exportConvTranspose1d),
  convTranspose2d: convolution("convTranspose2d", 2, exportConvTranspose2d),
  ...{ maxPool1d: pooling("Max"), maxPool2d: pooling("Max"), maxPool3d: pooling("Max") },
  ...{ avgPool1d: pooling("Average"), avgPool2d: pooling("Average"), avgPool3d: pooling("Average") },
  ...Object.fromEntries(
    ["adaptiveAvgPool1d", "adaptiveAvgPool2d", "adaptiveAvgPool3d"].map((op) => [op, adaptive(op)]),
  ),
  ...{ globalAvgPool2d: globalPooling("Average"), globalMaxPool2d: globalPooling("Max") },
};

/** What each op is in TF.js, whose layers keep the batch as it is. */
export const tfjsOps: Readonly<Record<string, Op>> = Object.fromEntries(
  Object.entries(rows).map(([op, write]): [string, Op] => [
    op,
    (written, graph) => {
      const { shape } = written;
      if (shape === null || (shape[0] === "N" && shape.slice(1).every((size) => typeof size === "number"))) {
        return write(written, graph);
      }
      return graph.refuse(
        "ops that leave axis 0, the batch, as it is, and give sizes that do not vary",
        `${op} that gives ${shape.length === 0 ? "a scalar" : shape.join("×")}`,
        "Keep the batch in axis 0, and trace the network without freeAxes.",
      );
    },
  ]),
);

/** The sizes of a sample of an output. */
function sampleOf(shape: BatchShape | null, x: TfjsValue): Shape {
  return shape === null ? x.shape : shape.slice(1).map(Number);
}
