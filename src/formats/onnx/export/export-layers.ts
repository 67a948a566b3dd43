import { ELU, GELU, LeakyReLU, ReLU, ReLU6, Sigmoid, SiLU, Softmax, Tanh } from "../../../nn/activations.js";
import { ConvTranspose2d } from "../../../nn/conv-transpose2d.js";
import { Conv1d } from "../../../nn/conv1d.js";
import { Conv2d } from "../../../nn/conv2d.js";
import { Dropout } from "../../../nn/dropout.js";
import { Embedding } from "../../../nn/embedding.js";
import { Flatten } from "../../../nn/flatten.js";
import { Linear } from "../../../nn/linear.js";
import type { AnyModule } from "../../../nn/module.js";
import { BatchNorm } from "../../../nn/norms/batch-norm.js";
import { BatchRenorm } from "../../../nn/norms/batch-renorm.js";
import { GroupNorm } from "../../../nn/norms/group-norm.js";
import { InstanceNorm } from "../../../nn/norms/instance-norm.js";
import { LayerNorm } from "../../../nn/norms/layer-norm.js";
import { RmsNorm } from "../../../nn/norms/rms-norm.js";
import { AvgPool2d, GlobalAvgPool2d, MaxPool2d } from "../../../nn/pooling.js";
import type { Weighted } from "../../../nn/reparametrized/weighted.js";
import { Residual } from "../../../nn/residual.js";
import { Sequential } from "../../../nn/sequential.js";
import type { PoolOptions } from "../../../ops/pool2d.js";
import type { Pair } from "../../../ops/windows.js";
import { broadcastShapes } from "../../../shape.js";
import { type LayerClass, type LayerWriter, moduleWriter, writerOf } from "../../foreign/layer-writers.js";
import { shapeAfter } from "../../foreign/shape-after.js";
import {
  exportBatchNorm,
  exportGroupNorm,
  exportInstanceNorm,
  exportLayerNorm,
  exportRmsNorm,
} from "./export-norms.js";
import type { OnnxAttributes, OnnxShape, OnnxValue, OnnxWriter } from "./onnx-writer.js";

/** A module that says itself what it is in ONNX. */
export interface OnnxExportable {
  /**
   * Adds nodes to a graph, such as `graph.node("Relu", [x])`, and modules inside this one, `graph.apply(this.hidden, x)`.
   *
   * @returns the output
   */
  toOnnx(x: OnnxValue, graph: OnnxWriter): OnnxValue;
}

type LayerExport = LayerWriter<OnnxValue, OnnxWriter>;

/** The export of a class and of subclasses that add nothing but a constructor. `shape` is that of the output. */
function layer<M extends AnyModule>(
  layerClass: LayerClass<M>,
  write: (layer: M, x: OnnxValue, graph: OnnxWriter, shape: OnnxShape) => OnnxValue,
): LayerExport {
  return (module, x, graph) => (module.is(layerClass) ? write(module, x, graph, shapeAfter(module, x.shape)) : null);
}

/** A layer that is one operator. */
function operator<M extends AnyModule>(
  layerClass: LayerClass<M>,
  opType: string,
  attributesOf: (layer: M) => OnnxAttributes = () => ({}),
): LayerExport {
  return layer(layerClass, (module, x, graph, shape) => graph.node(opType, [x], attributesOf(module), { shape }));
}

const layers: readonly LayerExport[] = [
  writerOf(Sequential, ({ layers: inside }, x, graph) => inside.reduce((value, one) => graph.apply(one, value), x)),
  writerOf(Residual, (module, x, graph) => {
    const { body, shortcut } = module;
    const sides = [graph.apply(body, x), shortcut === null ? x : graph.apply(shortcut, x)];
    return graph.node("Add", sides, {}, { shape: sumShape(module, sides) });
  }),
  layer(Linear, (module, x, graph, shape) => {
    const { weight, bias } = module;
    if (x.shape.length === 2) {
      return graph.node("Gemm", [x, ...weightAndBias(module, graph)], { transB: 1 }, { shape });
    }
    const [outputs, inputs] = weight.shape;
    const values = weight.dataSync();
    const transposed = values.map((_, i) => values[(i % outputs) * inputs + Math.floor(i / outputs)]);
    const product = graph.node("MatMul", [x, graph.constant("weight", [inputs, outputs], transposed)], {}, { shape });
    return bias === null ? product : graph.node("Add", [product, graph.parameter("bias", bias)]);
  }),
  layer(Conv1d, (module, x, graph, shape) => {
    const { weight, stride, padding, dilation, groups } = module;
    const windows = { kernel_shape: [weight.shape[2]], strides: [stride], pads: [padding, padding] };
    const attributes = { ...windows, dilations: [dilation], group: groups };
    return graph.node("Conv", [x, ...weightAndBias(module, graph)], attributes, { shape });
  }),
  layer(Conv2d, (module, x, graph, shape) =>
    graph.node("Conv", [x, ...weightAndBias(module, graph)], convolution(module), { shape }),
  ),
  layer(ConvTranspose2d, (module, x, graph, shape) => {
    const attributes = { ...convolution(module), output_padding: module.outputPadding };
    return graph.node("ConvTranspose", [x, ...weightAndBias(module, graph)], attributes, { shape });
  }),
  layer(BatchNorm, exportBatchNorm),
  layer(BatchRenorm, exportBatchNorm),
  layer(InstanceNorm, exportInstanceNorm),
  layer(GroupNorm, exportGroupNorm),
  layer(LayerNorm, exportLayerNorm),
  layer(RmsNorm, exportRmsNorm),
  operator(MaxPool2d, "MaxPool", ({ kernel, options }) => pooling(kernel, options)),
  operator(AvgPool2d, "AveragePool", ({ kernel, options }) => ({ ...pooling(kernel, options), count_include_pad: 0 })),
  layer(GlobalAvgPool2d, (_, x, graph, shape) => {
    const planes = graph.node("GlobalAveragePool", [x], {}, { shape: [...shape, 1, 1] });
    return graph.node("Flatten", [planes], { axis: 1 }, { shape });
  }),
  operator(Flatten, "Flatten", () => ({ axis: 1 })),
  writerOf(Dropout, (_, x) => x),
  layer(Embedding, ({ weight }, x, graph, shape) => {
    // Whole numbers may be given as such, or have come through other layers as reals.
    const indices = x.type === "int64" ? x : graph.node("Cast", [x], { to: 7 }, { type: "int64" });
    return graph.node("Gather", [graph.parameter("weight", weight), indices], { axis: 0 }, { shape });
  }),
  operator(ReLU, "Relu"),
  layer(ReLU6, (_, x, graph) =>
    graph.node("Clip", [x, graph.constant("min", [], [0]), graph.constant("max", [], [6])]),
  ),
  operator(LeakyReLU, "LeakyRelu", ({ negativeSlope }) => ({ alpha: { float: negativeSlope } })),
  operator(ELU, "Elu", ({ alpha }) => ({ alpha: { float: alpha } })),
  operator(Sigmoid, "Sigmoid"),
  operator(Tanh, "Tanh"),
  operator(Softmax, "Softmax", ({ axis }) => ({ axis })),
  layer(SiLU, (_, x, graph) => graph.node("Mul", [x, graph.node("Sigmoid", [x])])),
  layer(GELU, (_, x, graph) => {
    // x/2 · (1 + erf(x / √2)): an operator of its own only since version 20.
    const scaled = graph.node("Mul", [x, graph.constant("half", [], [0.5])]);
    const ratio = graph.node("Div", [x, graph.constant("root", [], [Math.SQRT2])]);
    const raised = graph.node("Add", [graph.node("Erf", [ratio]), graph.constant("one", [], [1])]);
    return graph.node("Mul", [scaled, raised]);
  }),
];

/** Writes any module. @throws ArgumentError if it is of a class of one's own that does not say what it is in ONNX */
export const writeLayer = moduleWriter<OnnxValue, OnnxWriter>({
  name: "exportOnnx",
  method: "toOnnx",
  adds: "node",
  writeOwn: (module, x, graph) => (isExportable(module) ? (module.toOnnx(x, graph) ?? undefined) : null),
  layers,
});

function isExportable(module: AnyModule): module is AnyModule & OnnxExportable {
  return "toOnnx" in module && typeof module.toOnnx === "function";
}

/** @throws ShapeError if body and shortcut do not fit */
function sumShape(module: Residual, [body, shortcut]: readonly OnnxValue[]): OnnxShape {
  const [a, b] = [body, shortcut].map(({ shape }) => shape.slice(1).map(Number));
  return [body.shape[0], ...broadcastShapes(`${module}.forward(x)`, a, b)];
}

function weightAndBias({ weight, bias }: Weighted, graph: OnnxWriter): OnnxValue[] {
  return [graph.parameter("weight", weight), ...(bias === null ? [] : [graph.parameter("bias", bias)])];
}

function convolution({ weight, stride, padding, dilation, groups }: Conv2d | ConvTranspose2d) {
  const kernel = weight.shape.slice(2);
  return { kernel_shape: kernel, strides: stride, pads: [...padding, ...padding], dilations: dilation, group: groups };
}

function pooling(kernel: Pair, { stride = kernel, padding = 0 }: PoolOptions) {
  const both = (pair: Pair): readonly number[] => (typeof pair === "number" ? [pair, pair] : pair);
  return { kernel_shape: both(kernel), strides: both(stride), pads: [...both(padding), ...both(padding)] };
}
