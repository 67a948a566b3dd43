import { printable } from "../../../printable.js";
import type { Layer } from "../../model/container.js";
import { isObject } from "../../model/json.js";
import { LayerStep } from "../layer-step.js";
import { overSteps } from "../over-steps.js";
import type { Value } from "../value.js";
import { activationRows } from "./activations.js";
import { arrangementRows } from "./arrangement.js";
import { attentionRows } from "./attention.js";
import { convolutionRows } from "./convolutions.js";
import { denseRows } from "./dense.js";
import { dotProductRows } from "./dot-products.js";
import { einsumRows } from "./einsum-dense.js";
import { mergingRows } from "./merging.js";
import { normRows } from "./norms.js";
import { operationRows } from "./operations.js";
import { poolingRows } from "./pooling.js";
import { preprocessingRows } from "./preprocessing.js";
import { recurrentRows } from "./recurrent.js";
import { regularizationRows } from "./regularization.js";
import type { Row } from "./row.js";

/** Layers that do to each step of a sequence by itself what they do to the sequence. */
const stepwise = ["Dense", "Activation", "Dropout", "ReLU", "LeakyReLU", "ELU", "LayerNormalization"];

/** Wrappers, and layers that hide steps. */
const hidden = new Set(["TimeDistributed", "SpectralNormalization", "Bidirectional", "Masking", "InputLayer"]);

/** The layer in each wrapper, one for all its calls. */
const inside = new WeakMap<Layer, Layer>();

/** The layer in a wrapper, whose weights are named after the wrapper. */
function innerOf(at: LayerStep): Layer {
  const { layer: inner } = at.config;
  const { class_name: className, config } = isObject(inner) ? inner : {};
  const isKnown = typeof className === "string" && Object.hasOwn(layerRows, className) && !hidden.has(className);
  if (!isKnown || !isObject(config)) throw at.refuse(`a ${printable(className)} inside`);
  const layer = inside.get(at.layer) ?? { ...at.layer, className, config };
  inside.set(at.layer, layer);
  return layer;
}

/** A layer that is applied to each step of a sequence. */
function importTimeDistributed(at: LayerStep): Value {
  const layer = innerOf(at);
  const { className } = layer;
  const stepOf = (inputs: readonly Value[]): LayerStep => new LayerStep(at.state, layer, inputs, at.options, at.name);
  if (stepwise.includes(className)) return layerRows[className](stepOf(at.inputs));
  return overSteps(at, (x) => layerRows[className](stepOf([x])));
}

/** A layer whose kernel training divides by its spectral norm: the file has it divided. */
function importSpectralNorm(at: LayerStep): Value {
  const layer = innerOf(at);
  return layerRows[layer.className](new LayerStep(at.state, layer, at.inputs, at.options, at.name));
}

/** Every class of layers that can be imported. A new one is a row in the file of its family. */
export const layerRows: Readonly<Record<string, Row>> = {
  ...activationRows,
  ...arrangementRows,
  ...attentionRows,
  ...convolutionRows,
  ...denseRows,
  ...dotProductRows,
  ...einsumRows,
  ...mergingRows,
  ...normRows,
  ...operationRows,
  ...poolingRows,
  ...preprocessingRows,
  ...recurrentRows,
  ...regularizationRows,
  TimeDistributed: importTimeDistributed,
  SpectralNormalization: importSpectralNorm,
};
