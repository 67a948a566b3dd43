import type { OpenShape } from "../../../../graph/node.js";
import { times } from "../../../onnx/import/shapes/open-shapes.js";
import { printable } from "../../../printable.js";
import type { Layer } from "../../model/container.js";
import { isObject } from "../../model/json.js";
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

/** Wrappers, and layers that hide steps. */
const hidden = new Set(["TimeDistributed", "Bidirectional", "Masking", "InputLayer"]);

/** The layer in each wrapper, one for all its calls. */
const inside = new WeakMap<Layer, Layer>();

/** A layer that is applied to each step of a sequence. */
function importTimeDistributed(at: LayerStep): Value {
  const { layer: inner } = at.config;
  const className = isObject(inner) ? inner["class_name"] : undefined;
  const config = isObject(inner) ? inner["config"] : undefined;
  const isStepwise = typeof className === "string" && stepwise.includes(className);
  const isKnown = typeof className === "string" && Object.hasOwn(layerRows, className) && !hidden.has(className);
  if (typeof className !== "string" || !isObject(config) || !(isStepwise || isKnown)) {
    throw at.refuse(`a ${printable(className)} inside`);
  }
  // Weights are named after the wrapper.
  const layer = inside.get(at.layer) ?? { ...at.layer, className, config };
  inside.set(at.layer, layer);
  const stepOf = (inputs: readonly Value[]): LayerStep => new LayerStep(at.state, layer, inputs, at.options, at.name);
  if (isStepwise) return layerRows[className](stepOf(at.inputs));
  // Steps of all samples become samples.
  const { x } = at;
  const [batch, steps, ...rest] = x.shape;
  if (typeof steps !== "number") throw at.refuse("an unknown number of steps");
  const all: OpenShape = [times(batch, steps), ...rest];
  const given: Value = { ref: at.reshape(at.keras(x), all), shape: all, order: "keras" };
  const y = layerRows[className](stepOf([given]));
  const shape: OpenShape = [batch, steps, ...y.shape.slice(1)];
  return at.plain(at.reshape(at.keras(y), shape), shape);
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
