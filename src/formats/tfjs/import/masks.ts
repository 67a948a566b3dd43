import type { Argument } from "../../../graph/argument.js";
import type { LayerStep } from "./layer-step.js";
import type { Value } from "./value.js";

/** Layers that hand the mask of their input on, as Keras' own do. */
const passing = new Set(
  ["Dense", "Dropout", "Activation", "Identity", "ActivityRegularization", "TimeDistributed", "Rescaling"].concat([
    ...["ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "SpatialDropout1D", "GaussianNoise", "GaussianDropout"],
    ...["AlphaDropout", "LayerNormalization", "RMSNormalization", "UnitNormalization", "BatchNormalization"],
  ]),
);

/** Layers over sequences that heed the mask, and hand it on where they give all steps. */
const recurrent = new Set(["LSTM", "GRU", "SimpleRNN", "Bidirectional"]);

/** Layers in which Keras heeds or joins masks, and nothing here does. */
const heeding = new Set(
  ["MultiHeadAttention", "GroupQueryAttention", "Attention", "AdditiveAttention", "Dot"].concat([
    ...["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"],
  ]),
);

/** What a layer makes of values, some of whose steps are hidden; others lose the mask, as in Keras. */
export function masked(at: LayerStep, import_: () => Value): Value {
  const { className } = at.layer;
  const [x] = at.inputs;
  if (at.inputs.every(({ mask }) => mask === undefined)) return import_();
  if (heeding.has(className)) throw at.refuse("steps that are hidden by a Masking or mask_zero before it");
  const mask = x.mask as Argument;
  // TF.js takes all steps there.
  if (className === "GlobalAveragePooling1D" && at.state.dialect !== "tfjs") return meanOfShown(at, x, mask);
  const y = import_();
  const isPassing = passing.has(className) || (recurrent.has(className) && y.shape.length === 3);
  return isPassing && y.mask === undefined ? { ...y, mask } : y;
}

/** The mean over the steps that are shown. */
function meanOfShown(at: LayerStep, x: Value, mask: Argument): Value {
  at.checkRank(3);
  const sum = at.op("sum", at.op("mul", at.keras(x), at.op("unsqueeze", mask, 2)), [1]);
  const mean = at.op("div", sum, at.op("sum", mask, [1], { keepDims: true }));
  const [batch, , features] = x.shape;
  if (!at.flag("keepdims", false)) return at.plain(mean, [batch, features]);
  return at.plain(at.op("unsqueeze", mean, 1), [batch, 1, features]);
}

/** Hides the steps all of whose features are one number, which then are 0. */
export function importMasking(at: LayerStep): Value {
  const { x } = at;
  const number = at.number("mask_value", 0);
  const ref = at.keras(x);
  const mask = at.op("max", at.op("notEqual", ref, number), [x.shape.length - 1]);
  return { ...at.plain(at.op("mul", ref, at.op("unsqueeze", mask, -1)), x.shape), mask };
}
