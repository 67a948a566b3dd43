import { printable } from "../../../printable.js";
import type { Layer } from "../../container.js";
import { isObject } from "../../json.js";
import { LayerStep } from "../layer-step.js";
import type { Value } from "../value.js";
import { activationRows } from "./activations.js";
import { arrangementRows } from "./arrangement.js";
import { attentionRows } from "./attention.js";
import { convolutionRows } from "./convolutions.js";
import { denseRows } from "./dense.js";
import { mergingRows } from "./merging.js";
import { normRows } from "./norms.js";
import { poolingRows } from "./pooling.js";
import { preprocessingRows } from "./preprocessing.js";
import { recurrentRows } from "./recurrent.js";
import { regularizationRows } from "./regularization.js";
import type { Row } from "./row.js";

/** Layers that do to each step of a sequence by itself what they do to the sequence. */
const stepwise = ["Dense", "Activation", "Dropout", "ReLU", "LeakyReLU", "ELU", "LayerNormalization"];

/** The layer in each wrapper, one for all its calls. */
const inside = new WeakMap<Layer, Layer>();

/** A layer that is applied to each step of a sequence. */
function importTimeDistributed(at: LayerStep): Value {
  const { layer: inner } = at.config;
  const className = isObject(inner) ? inner["class_name"] : undefined;
  const config = isObject(inner) ? inner["config"] : undefined;
  if (typeof className !== "string" || !isObject(config) || !stepwise.includes(className)) {
    throw at.refuse(`a ${printable(className)} inside`);
  }
  // Weights are named after the wrapper.
  const layer = inside.get(at.layer) ?? { ...at.layer, className, config };
  inside.set(at.layer, layer);
  return layerRows[className](new LayerStep(at.state, layer, at.inputs, at.options, at.name));
}

/** Every class of layers that can be imported. A new one is a row in the file of its family. */
export const layerRows: Readonly<Record<string, Row>> = {
  ...activationRows,
  ...arrangementRows,
  ...attentionRows,
  ...convolutionRows,
  ...denseRows,
  ...mergingRows,
  ...normRows,
  ...poolingRows,
  ...preprocessingRows,
  ...recurrentRows,
  ...regularizationRows,
  TimeDistributed: importTimeDistributed,
};
