import { FormatError } from "../../../errors.js";
import type { Sequential } from "../../../nn/sequential.js";
import type { ModelMeta } from "../../model-file/save-model.js";
import { printable } from "../file/attributes.js";
import type { ExternalFiles } from "../file/tensor-values.js";
import { declaredInputs } from "../graph/declared-inputs.js";
import { OnnxModel } from "../graph/onnx-model.js";
import { NetworkBuilder } from "./network-builder.js";

/** Options of {@link importOnnx}. */
export interface ImportOnnxOptions {
  /** Files in which the model keeps tensors outside itself, by the name it gives them. @defaultValue none */
  readonly files?: ExternalFiles;
}

/** A network made of an ONNX model. */
export interface ImportedOnnx {
  /** A `Sequential` with `Residual`s in it, with the file's weights and statistics, in training mode as every new model. */
  readonly model: Sequential;
  /** What the file says besides; `inputShape` too, where the input's sizes are known. */
  readonly meta: ModelMeta;
  /** The node behind each layer, by its path: its name, or its output's. */
  readonly nodes: Readonly<Record<string, string>>;
}

/**
 * A network of Evenkeel's layers made of an ONNX model, to be trained on: with its norms frozen (`freezeNorms`), recalibrated or
 * converted. It has to be a row of layers, in which rows of layers that start at one value and end in one Add may stand: LeNet, VGG, ResNet,
 * MobileNetV2.
 *
 * Operators: Conv (1-D and 2-D, in groups, with a Pad of zeros before it), ConvTranspose (2-D), Gemm, MatMul with a constant Add behind it,
 * BatchNormalization (in inference form: its momentum weighs the old value, as here), InstanceNormalization, LayerNormalization, GroupNormalization (of
 * version 21) and RMSNormalization, also composed of other operators as exporters write them, Relu, LeakyRelu, Elu, Gelu, Sigmoid, Tanh, Softmax, Clip
 * from 0 to 6 and other nodes that compute one of these or x·sigmoid(x) together, MaxPool, AveragePool, GlobalAveragePool, ReduceMean of planes,
 * Flatten, Reshape to (N, features) by constants or by shapes, Dropout, Identity, and Add of two branches. Numbers become float32.
 *
 * @param bytes - an .onnx file; not changed
 * @throws FormatError if it is no ONNX model, or has an operator or attribute that no layer here has, naming the node
 * @throws MissingPackageError if onnx-buf or @bufbuild/protobuf is not installed
 */
export async function importOnnx(bytes: Uint8Array, { files }: ImportOnnxOptions = {}): Promise<ImportedOnnx> {
  const onnx = await OnnxModel.read("importOnnx(bytes)", bytes, files);
  const { main, proto } = onnx;
  const inputs = declaredInputs(onnx);
  const outputs = proto.graph?.output ?? [];
  if (inputs.length !== 1 || outputs.length !== 1) {
    throw new FormatError({
      where: onnx.where,
      expected: "a model of one input and one output",
      received: `${inputs.length} and ${outputs.length}`,
      cure: "Take out the others.",
    });
  }
  const [{ name, shape }] = inputs;
  const [batch, ...sizes] = shape;
  const builder = new NetworkBuilder(main, typeof batch === "number" ? batch : null);
  const model = builder.build(name);
  const said = proto.metadataProps.map(({ key, value }) => [key, parse(value)] as const);
  const isKnown = sizes.length > 0 && sizes.every((size) => Number(size) > 0);
  return {
    model,
    meta: { ...(isKnown ? { inputShape: sizes.map(Number) } : {}), ...Object.fromEntries(said) },
    nodes: Object.fromEntries(
      model.namedModules().flatMap(([path, module]) => {
        const node = builder.nodes.get(module);
        return node === undefined ? [] : [[path, printable(node.name === "" ? (node.output[0] ?? "") : node.name)]];
      }),
    ),
  };
}

/** JSON, as {@link exportOnnx} writes it, or the text of another program. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
