import type { Argument } from "../../../../graph/argument.js";
import { ELU, GELU, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh } from "../../../../nn/activations.js";
import { Dropout } from "../../../../nn/dropout.js";
import type { Module } from "../../../../nn/module.js";
import { floatOf, intOf, textOf } from "../../file/attributes.js";
import type { NodeProto } from "../../file/codec.js";
import type { OnnxGraph } from "../../graph/graph.js";
import type { ImportStep } from "../import-step.js";
import { rounded, unsupported } from "../imported-layer.js";
import type { ValueShapes } from "../shapes/value-shapes.js";
import {
  importBatchNorm,
  importGroupNorm,
  importInstanceNorm,
  importLayerNorm,
  importRmsNorm,
} from "./import-norms.js";

/** A layer that does what a node does. */
type LayerImport = (node: NodeProto, graph: OnnxGraph, shapes: ValueShapes) => Module;

/** Operators that are layers by themselves: of the first input, with all others constant. */
export const layers: Readonly<Record<string, LayerImport>> = {
  BatchNormalization: importBatchNorm,
  InstanceNormalization: importInstanceNorm,
  LayerNormalization: importLayerNorm,
  GroupNormalization: importGroupNorm,
  RMSNormalization: importRmsNorm,
  SimplifiedLayerNormalization: importRmsNorm,
  Gelu: (node) => {
    const approximation = textOf(node, "approximate", "none");
    if (approximation === "none") return new GELU();
    throw unsupported(node, `the approximation ${approximation}`);
  },
  Relu: () => new ReLU(),
  LeakyRelu: (node) => new LeakyReLU(rounded(floatOf(node, "alpha", 0.01))),
  Elu: (node) => new ELU(rounded(floatOf(node, "alpha", 1))),
  Sigmoid: () => new Sigmoid(),
  Tanh: () => new Tanh(),
  Softplus: () => new Softplus(),
  Dropout: importDropout,
};

/** The layer of a node in {@link layers}, at work on its first input. */
export function importLayer(at: ImportStep): Argument {
  const { node, graph, shapes } = at;
  const make = (): Module => layers[node.opType](node, graph, shapes);
  // Whatever a layer does with further inputs, it takes them from the file.
  node.input.forEach((name, k) => {
    if (k > 0 && name !== "" && !graph.isConstant(name)) at.values(k);
  });
  return at.layer(node.input.length > 1 && node.opType !== "Dropout" ? keyOf(node, graph) : null, make);
}

/** What a layer is made of: its operator, attributes and constants. */
export function keyOf(node: NodeProto, { model }: OnnxGraph, more: readonly number[] = []): string {
  const attributes = node.attribute.map(({ name, f, i, s, ints }) => [name, f, String(i), String(s), ints.map(String)]);
  model.spend(node.attribute.reduce((sum, { s, ints }) => sum + s.length + ints.length, 0));
  return JSON.stringify([node.opType, node.input.slice(1), attributes, more]);
}

function importDropout(node: NodeProto, graph: OnnxGraph): Module {
  const { opset } = graph.model;
  const training = node.input[2] ? graph.constant(node.input[2]) : null;
  const isOff = training === null || (typeof training !== "string" && training.data[0] === 0);
  const given = graph.constant(node.input[1] ?? "");
  const ratio = rounded(typeof given === "string" ? floatOf(node, "ratio", 0.5) : given.data[0]);
  const isRandom = !isOff || (opset < 7 && intOf(node, "is_test", 0) === 0);
  if (isRandom && ratio !== 0) throw unsupported(node, "training mode");
  return new Dropout(ratio);
}
