import { ConvTranspose1d } from "../../../nn/conv-transpose1d.js";
import { ConvTranspose2d } from "../../../nn/conv-transpose2d.js";
import { Conv1d } from "../../../nn/conv1d.js";
import { Conv2d } from "../../../nn/conv2d.js";
import { Conv3d } from "../../../nn/conv3d.js";
import { isRandomDrop } from "../../../nn/dropout.js";
import { Embedding } from "../../../nn/embedding.js";
import { Identity } from "../../../nn/identity.js";
import { Linear } from "../../../nn/linear.js";
import type { AnyModule } from "../../../nn/module.js";
import { GRU } from "../../../nn/recurrent/gru.js";
import { LSTM } from "../../../nn/recurrent/lstm.js";
import type { Weighted } from "../../../nn/reparametrized/weighted.js";
import {
  type LayerClass,
  type LayerWriter,
  networkWriter,
  type WrittenWindows,
  writerOf,
} from "../../foreign/layer-writers.js";
import { shapeAfter } from "../../foreign/shape-after.js";
import { convolutionAttributes } from "./attributes.js";
import { normLayers } from "./export-norms.js";
import { onnxOps } from "./export-ops.js";
import { exportRecurrent } from "./export-recurrent.js";
import type { OnnxShape, OnnxValue, OnnxWriter } from "./onnx-writer.js";

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

const layers: readonly LayerExport[] = [
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
  ...[Conv1d, Conv2d, Conv3d].map((layerClass) => convolution<Conv1d | Conv2d | Conv3d>(layerClass, "Conv")),
  ...[ConvTranspose1d, ConvTranspose2d].map((layerClass) =>
    convolution<ConvTranspose1d | ConvTranspose2d>(layerClass, "ConvTranspose"),
  ),
  ...normLayers,
  // ONNX has none with norms inside.
  (module, x, graph) =>
    (module.is(LSTM) || module.is(GRU)) && module.norm === null
      ? exportRecurrent(module.is(LSTM) ? "LSTM" : "GRU", module, x, graph, shapeAfter(module, x.shape))
      : null,
  (module, x) => (isRandomDrop(module) ? x : null),
  writerOf(Identity, (_, x) => x),
  layer(Embedding, ({ weight }, x, graph, shape) => {
    // Whole numbers may be given as such, or have come through other layers as reals.
    const indices = x.type === "int64" ? x : graph.node("Cast", [x], { to: 7 }, { type: "int64" });
    return graph.node("Gather", [graph.parameter("weight", weight), indices], { axis: 0 }, { shape });
  }),
];

/** Writes networks. */
export const onnxNetworks = networkWriter<OnnxValue, OnnxWriter>({
  name: "exportOnnx",
  method: "toOnnx",
  adds: "node",
  isExportable,
  writeOwn: (module, x, graph) => (isExportable(module) ? module.toOnnx(x, graph) : undefined),
  batchShape: ({ shape }) => shape,
  layers,
  ops: onnxOps,
  // They stay constants under the names of the state dict.
  computesConstants: false,
});

function isExportable(module: AnyModule): module is AnyModule & OnnxExportable {
  return "toOnnx" in module && typeof module.toOnnx === "function";
}

function weightAndBias({ weight, bias }: Weighted, graph: OnnxWriter): OnnxValue[] {
  return [graph.parameter("weight", weight), ...(bias === null ? [] : [graph.parameter("bias", bias)])];
}

function convolution<M extends Weighted & WrittenWindows>(layerClass: LayerClass<M>, opType: string): LayerExport {
  return layer(layerClass, (module, x, graph, shape) => {
    const attributes = convolutionAttributes(module.weight.shape.slice(2), module, x.shape);
    return graph.node(opType, [x, ...weightAndBias(module, graph)], attributes, { shape });
  });
}
