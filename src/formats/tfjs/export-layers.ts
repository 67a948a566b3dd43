import { ELU, GELU, LeakyReLU, ReLU, ReLU6, Sigmoid, SiLU, Softmax, Tanh } from "../../nn/activations.js";
import { ConvTranspose2d } from "../../nn/conv-transpose2d.js";
import { Conv1d } from "../../nn/conv1d.js";
import { Conv2d } from "../../nn/conv2d.js";
import { Dropout } from "../../nn/dropout.js";
import { Embedding } from "../../nn/embedding.js";
import { Flatten } from "../../nn/flatten.js";
import { Linear } from "../../nn/linear.js";
import type { AnyModule } from "../../nn/module.js";
import { BatchNorm } from "../../nn/norms/batch-norm.js";
import { BatchRenorm } from "../../nn/norms/batch-renorm.js";
import { GroupNorm } from "../../nn/norms/group-norm.js";
import { InstanceNorm } from "../../nn/norms/instance-norm.js";
import { LayerNorm } from "../../nn/norms/layer-norm.js";
import { RmsNorm } from "../../nn/norms/rms-norm.js";
import { AvgPool2d, GlobalAvgPool2d, MaxPool2d } from "../../nn/pooling.js";
import { Residual } from "../../nn/residual.js";
import { Sequential } from "../../nn/sequential.js";
import { broadcastShapes, type Shape } from "../../shape.js";
import { type LayerClass, type LayerWriter, moduleWriter, writerOf } from "../foreign/layer-writers.js";
import { shapeAfter } from "../foreign/shape-after.js";
import { exportConv1d, exportConv2d, exportConvTranspose2d } from "./export-convolutions.js";
import {
  exportBatchNorm,
  exportGroupNorm,
  exportInstanceNorm,
  exportLayerNorm,
  exportRmsNorm,
  scaled,
} from "./export-norms.js";
import { exportAvgPool2d, exportMaxPool2d } from "./export-pooling.js";
import { elementsOf, sameOrder, type TfjsValue } from "./tfjs-value.js";
import type { TfjsLayerOptions, TfjsWriter } from "./tfjs-writer.js";

/** A module that says itself what it is in TF.js. */
export interface TfjsExportable {
  /**
   * Adds layers to a network, such as `graph.layer("ReLU", [x])`, and modules inside this one, `graph.apply(this.hidden, x)`. How the values of x
   * lie says `x.order`; `graph.here(x)` and `graph.channelsLast(x)` bring them into an order.
   *
   * @returns the output
   */
  toTfjs(x: TfjsValue, graph: TfjsWriter): TfjsValue;
}

type LayerExport = LayerWriter<TfjsValue, TfjsWriter>;

/** The export of a class and of subclasses that add nothing but a constructor. `shape` is that of a sample of the output. */
function layer<M extends AnyModule>(
  layerClass: LayerClass<M>,
  write: (layer: M, x: TfjsValue, graph: TfjsWriter, shape: Shape) => TfjsValue,
): LayerExport {
  return (module, x, graph) => {
    if (!module.is(layerClass)) return null;
    const [, ...shape] = shapeAfter(module, ["N", ...x.shape]);
    return write(module, x, graph, shape.map(Number));
  };
}

/** A layer that does the same to each value. */
function elementwise<M extends AnyModule>(
  layerClass: LayerClass<M>,
  className: string,
  configOf: (layer: M) => Record<string, unknown> = () => ({}),
  options: TfjsLayerOptions = {},
): LayerExport {
  return layer(layerClass, (module, x, graph) => graph.layer(className, [x], configOf(module), options));
}

const activation = (name: string) => (): Record<string, unknown> => ({ activation: name });

const layers: readonly LayerExport[] = [
  writerOf(Sequential, ({ layers: inside }, x, graph) => inside.reduce((value, one) => graph.apply(one, value), x)),
  writerOf(Residual, (module, x, graph) => {
    const { body, shortcut } = module;
    const sides = [graph.apply(body, x), shortcut === null ? x : graph.apply(shortcut, x)];
    const [a, b] = sides.map(({ shape }) => shape);
    const shape = broadcastShapes(`${module}.forward(x)`, a, b);
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
  }),
  layer(Linear, ({ weight, bias }, x, graph, shape) => {
    const [outputs, inputs] = weight.shape;
    const source = x.shape.length === 1 ? x : graph.here(x);
    const elements = elementsOf(source);
    const from = weight.dataSync();
    const values = from.map((_, i) => {
      const row = Math.floor(i / outputs);
      return from[(i % outputs) * inputs + (elements === null ? row : elements[row])];
    });
    const weights = {
      kernel: { shape: [inputs, outputs], values },
      ...(bias === null ? {} : { bias: { shape: [outputs], values: bias.dataSync() } }),
    };
    const config = { units: outputs, activation: "linear", use_bias: bias !== null };
    return graph.layer("Dense", [source], config, { weights, shape, order: "here" });
  }),
  layer(Conv1d, exportConv1d),
  layer(Conv2d, exportConv2d),
  layer(ConvTranspose2d, exportConvTranspose2d),
  layer(BatchNorm, exportBatchNorm),
  layer(BatchRenorm, exportBatchNorm),
  layer(InstanceNorm, exportInstanceNorm),
  layer(GroupNorm, exportGroupNorm),
  layer(LayerNorm, exportLayerNorm),
  layer(RmsNorm, exportRmsNorm),
  layer(MaxPool2d, exportMaxPool2d),
  layer(AvgPool2d, exportAvgPool2d),
  layer(GlobalAvgPool2d, (_, x, graph, shape) => {
    const config = { data_format: "channels_last" };
    const options = { shape, order: "here", isPositive: x.isPositive } as const;
    return graph.layer("GlobalAveragePooling2D", [graph.channelsLast(x)], config, options);
  }),
  layer(Flatten, (_, x, graph, shape) => {
    if (x.shape.length === 1) return x;
    const order = x.order === "channelsLast" ? x.shape : "here";
    return graph.layer("Flatten", [x], {}, { shape, order, isPositive: x.isPositive });
  }),
  writerOf(Dropout, (_, x) => x),
  layer(Embedding, ({ weight }, x, graph, shape) => {
    const [rows, width] = weight.shape;
    const weights = { embeddings: { shape: [rows, width], values: weight.dataSync() } };
    const config = { input_dim: rows, output_dim: width, mask_zero: false };
    return graph.layer("Embedding", [graph.here(x)], config, { weights, shape });
  }),
  elementwise(ReLU, "ReLU", () => ({}), { isPositive: true }),
  elementwise(ReLU6, "ReLU", () => ({ max_value: 6 }), { isPositive: true }),
  elementwise(LeakyReLU, "LeakyReLU", ({ negativeSlope }) => ({ alpha: negativeSlope })),
  layer(ELU, ({ alpha }, x, graph) => {
    const unit = graph.layer("ELU", [x], { alpha: 1 });
    if (alpha === 1) return unit;
    // TF.js has alpha 1 only: alpha · elu(x) + (1 − alpha) · relu(x).
    const relu = graph.layer("ReLU", [x], {}, { role: "relu" });
    const sides = [
      scaled(unit, { gamma: () => alpha }, "alpha", graph),
      scaled(relu, { gamma: () => 1 - alpha }, "rest", graph),
    ];
    return graph.layer("Add", sides, {}, { role: "sum" });
  }),
  elementwise(Sigmoid, "Activation", activation("sigmoid"), { isPositive: true }),
  elementwise(Tanh, "Activation", activation("tanh")),
  elementwise(GELU, "Activation", activation("gelu")),
  elementwise(SiLU, "Activation", activation("swish")),
  layer(Softmax, ({ axis }, x, graph) => {
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
  }),
];

/** Writes any module. @throws ArgumentError if it is of a class of one's own that does not say what it is in TF.js */
export const writeLayer = moduleWriter<TfjsValue, TfjsWriter>({
  name: "exportTfjs",
  method: "toTfjs",
  adds: "layer",
  writeOwn: (module, x, graph) => (isExportable(module) ? (module.toTfjs(x, graph) ?? undefined) : null),
  layers,
});

function isExportable(module: AnyModule): module is AnyModule & TfjsExportable {
  return "toTfjs" in module && typeof module.toTfjs === "function";
}
