import { FormatError } from "../../errors.js";
import { ReLU6 } from "../../nn/activations.js";
import type { Linear } from "../../nn/linear.js";
import type { AnyModule, Module } from "../../nn/module.js";
import { GlobalAvgPool2d } from "../../nn/pooling.js";
import { Residual } from "../../nn/residual.js";
import { Sequential } from "../../nn/sequential.js";
import type { ModelMeta } from "../save-model.js";
import { floatOf, intOf, intsOf, isOp, printable, titleOf } from "./attributes.js";
import type { NodeProto } from "./codec.js";
import type { Graph } from "./graph.js";
import { importLayer, linearOf, unsupported, valuesOf } from "./import-layers.js";
import { OnnxModel } from "./onnx-model.js";
import { Ranks } from "./ranks.js";
import type { ExternalFiles } from "./tensor-values.js";

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
 * Operators: Conv (1-D and 2-D, in groups), Gemm, MatMul with a constant Add behind it, BatchNormalization (in inference form: its momentum weighs
 * the old value, as here), Relu, LeakyRelu, Elu, Sigmoid, Tanh, Softmax, Clip from 0 to 6, MaxPool, AveragePool, GlobalAveragePool, ReduceMean of
 * planes, Flatten, Reshape to (N, features), Dropout, Identity, and Add of two branches. Numbers become float32.
 *
 * @param bytes - an .onnx file; not changed
 * @throws FormatError if it is no ONNX model, or has an operator or attribute that no layer here has, naming the node
 * @throws MissingPackageError if onnx-buf or @bufbuild/protobuf is not installed
 */
export async function importOnnx(bytes: Uint8Array, { files }: ImportOnnxOptions = {}): Promise<ImportedOnnx> {
  const onnx = await OnnxModel.read("importOnnx(bytes)", bytes, files);
  const { main, proto } = onnx;
  const inputs = proto.graph?.input.filter(({ name }) => main.isInput(name)) ?? [];
  const outputs = proto.graph?.output ?? [];
  if (inputs.length !== 1 || outputs.length !== 1) {
    throw new FormatError({
      where: onnx.where,
      expected: "a model of one input and one output",
      received: `${inputs.length} and ${outputs.length}`,
      cure: "Take out the others.",
    });
  }
  const builder = new NetworkBuilder(main);
  const model = builder.build(inputs[0].name);
  const said = proto.metadataProps.map(({ key, value }) => [key, parse(value)] as const);
  const shape = sampleShape(inputs[0]);
  return {
    model,
    meta: { ...(shape === null ? {} : { inputShape: shape }), ...Object.fromEntries(said) },
    nodes: Object.fromEntries(
      model.namedModules().flatMap(([path, module]) => {
        const node = builder.nodes.get(module);
        return node === undefined ? [] : [[path, printable(node.name === "" ? (node.output[0] ?? "") : node.name)]];
      }),
    ),
  };
}

/** Layers in a row, and the Add that the row ends in; null at the output of the model. */
interface Row {
  readonly layers: readonly Module[];
  readonly join: NodeProto | null;
}

/** So deep may branches stand in branches. */
const deepest = 100;

/** Goes along a graph from its input, and makes a layer of each node. */
class NetworkBuilder {
  /** The node of each layer. */
  readonly nodes = new Map<AnyModule, NodeProto>();
  readonly #graph: Graph;
  readonly #ranks: Ranks;
  #depth = 0;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#ranks = new Ranks(graph);
  }

  build(input: string): Sequential {
    const { layers, join } = this.#row(input, null);
    if (join !== null) throw unsupported(join, this.#graph, "a sum of branches that do not start at one value");
    return new Sequential(...layers);
  }

  /** @param first - the reader of the value to go to; null: all of them */
  #row(from: string, first: NodeProto | null): Row {
    const layers: Module[] = [];
    let value = from;
    for (let only = first; ; only = null) {
      const readers = only === null ? this.#graph.readersOf(value) : [only];
      if (readers.length === 0) return { layers, join: null };
      const [node] = readers;
      if (only === null && this.#graph.isOutput(value)) {
        throw unsupported(node, this.#graph, "an input that is an output of the model too");
      }
      if (readers.length === 2) {
        const { residual, join } = this.#residual(value, readers);
        layers.push(residual);
        value = join.output[0];
      } else if (readers.length > 2) {
        throw unsupported(node, this.#graph, `an input that ${readers.length} nodes read`);
      } else if (this.#isJoin(node)) return { layers, join: node };
      else if (this.#isPass(node)) [value] = node.output;
      else {
        const { layer, output } = this.#layer(node);
        this.#checkInputs(node);
        this.nodes.set(layer, node);
        layers.push(layer);
        value = output;
      }
    }
  }

  /** Whatever a layer does with further inputs, it takes them from the file. */
  #checkInputs(node: NodeProto): void {
    node.input.forEach((name, k) => {
      if (k > 0 && name !== "" && !this.#graph.isConstant(name)) valuesOf(node, this.#graph, k);
    });
  }

  #residual(value: string, readers: readonly NodeProto[]): { residual: Residual; join: NodeProto } {
    if (++this.#depth > deepest)
      throw unsupported(readers[0], this.#graph, `more than ${deepest} branches in one another`);
    const [first, second] = readers;
    const branch = (node: NodeProto): Row => (this.#isJoin(node) ? { layers: [], join: node } : this.#row(value, node));
    const one = branch(first);
    const other = one.join === null ? null : branch(second);
    this.#depth--;
    const { join } = one;
    if (join === null || other === null || other.join !== join) {
      const received = `branches that do not end in one Add (the other begins with ${titleOf(first)})`;
      throw unsupported(second, this.#graph, received);
    }
    // The body is the longer one: a shortcut is nothing, or a projection.
    const [body, shortcut] = [one, other].sort((a, b) => b.layers.length - a.layers.length);
    const sequence = ({ layers }: Row): Sequential => new Sequential(...layers);
    const residual = new Residual(sequence(body), shortcut.layers.length === 0 ? null : sequence(shortcut));
    this.nodes.set(residual, join);
    return { residual, join };
  }

  /** Whether a node adds two branches. */
  #isJoin(node: NodeProto): boolean {
    return isOp(node, "Add") && node.input.every((name) => !this.#graph.isConstant(name));
  }

  /** Whether a node changes nothing: PyTorch writes a padding of zero width before an average pool. */
  #isPass(node: NodeProto): boolean {
    if (isOp(node, "Identity")) return node.input.length === 1;
    if (!isOp(node, "Pad")) return false;
    return (intsOf(node, "pads") ?? [...valuesOf(node, this.#graph, 1).data]).every((width) => width === 0);
  }

  /** The layer of a node and of nodes behind it that belong to it, and the value that it makes. */
  #layer(node: NodeProto): { layer: Module; output: string } {
    const graph = this.#graph;
    const [output, ...others] = node.output;
    const stray = others.find((name) => name !== "" && (graph.readerCount(name) > 0 || graph.isOutput(name)));
    if (stray !== undefined) throw unsupported(node, graph, `${printable(stray)}, a further output that is used`);
    if (isOp(node, "MatMul")) return this.#matMul(node);
    if (isOp(node, "Clip")) return { layer: this.#clip(node), output };
    const planes = isOp(node, "GlobalAveragePool") || this.#isPlaneMean(node);
    if (!planes) return { layer: importLayer(node, graph, this.#ranks), output };
    if (isOp(node, "ReduceMean") && intOf(node, "keepdims", 1) === 0) return { layer: new GlobalAvgPool2d(), output };
    const [next] = graph.readersOf(output);
    if (next === undefined || !graph.isReadOnce(output) || !isOp(next, "Flatten", "Reshape", "Squeeze")) {
      throw unsupported(node, graph, "means that keep their two axes of size 1");
    }
    return { layer: new GlobalAvgPool2d(), output: next.output[0] };
  }

  #isPlaneMean(node: NodeProto): boolean {
    if (!isOp(node, "ReduceMean")) return false;
    const axes = intsOf(node, "axes") ?? [...valuesOf(node, this.#graph, 1).data];
    return axes.length === 2 && axes.every((axis) => [2, 3, -1, -2].includes(axis));
  }

  #clip(node: NodeProto): Module {
    const limit = (input: number, name: string): number => {
      if (this.#graph.model.opset < 11) return floatOf(node, name, Number.NaN);
      return node.input[input] ? valuesOf(node, this.#graph, input).data[0] : Number.NaN;
    };
    if (limit(1, "min") === 0 && limit(2, "max") === 6) return new ReLU6();
    throw unsupported(node, this.#graph, "limits other than 0 and 6");
  }

  #matMul(node: NodeProto): { layer: Linear; output: string } {
    const graph = this.#graph;
    const weight = valuesOf(node, graph, 1);
    if (weight.shape.length !== 2) throw unsupported(node, graph, `a weight of rank ${weight.shape.length}`);
    const [output] = node.output;
    const [next] = graph.readersOf(output);
    const isBiased = next !== undefined && graph.isReadOnce(output) && isOp(next, "Add") && !this.#isJoin(next);
    const bias = isBiased ? valuesOf(next, graph, next.input[0] === output ? 1 : 0) : null;
    if (bias === null || bias.data.length !== weight.shape[1]) return { layer: linearOf(weight, null), output };
    return { layer: linearOf(weight, bias.data), output: next.output[0] };
  }
}

/** JSON, as {@link exportOnnx} writes it, or the text of another program. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function sampleShape({
  type,
}: {
  readonly type?: NonNullable<OnnxModel["proto"]["graph"]>["input"][number]["type"];
}): number[] | null {
  const value = type?.value;
  if (value?.case !== "tensorType") return null;
  const sizes = value.value.shape?.dim
    .slice(1)
    .map((dim) => (dim.value.case === "dimValue" ? Number(dim.value.value) : 0));
  return sizes?.every((size) => size > 0) ? sizes : null;
}
