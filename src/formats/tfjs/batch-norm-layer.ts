import type { Layer } from "./container.js";
import { normKindOf } from "./norm-kinds.js";
import type { Slot, TfjsModel } from "./tfjs-model.js";
import { valuesOf } from "./weights.js";

/** What a batch norm at inference does to each channel: y = scale · x + shift, in float64. */
export interface Affine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** The weights of a normalisation, by what we call them; as far as they are there. */
export function normWeights(model: TfjsModel, layer: Layer): Record<string, Slot | null> {
  const list = (normKindOf(layer.className)?.weights ?? []).filter(
    ([, , onlyIf]) => onlyIf === null || layer.config[onlyIf] !== false,
  );
  const keys = list.map(([key]) => key);
  return Object.fromEntries(list.map(([key, name]) => [name, model.weightOf(layer, key, keys)]));
}

/** What is added under the root: the config's, or else the kind's; null where it has none. */
export function epsOf({ className, config }: Layer): number | null {
  const { epsilon } = config;
  return typeof epsilon === "number" ? epsilon : (normKindOf(className)?.eps ?? null);
}

/** The map of a batch norm; a text says why it has none that is fixed. */
export function affineOf(model: TfjsModel, layer: Layer): Affine | string {
  if (!model.isNamedOnce(layer)) return "other layers have its name: its weights are not known";
  const values: Record<string, Float64Array> = {};
  let channels: number | null = null;
  for (const [name, slot] of Object.entries(normWeights(model, layer))) {
    const data = slot === null ? null : valuesOf(slot);
    if (slot === null || data === null) return `its ${name} is ${slot === null ? "missing" : `of ${slot.spec.dtype}`}`;
    channels ??= data.length;
    if (slot.spec.shape.length !== 1 || data.length !== channels) {
      return `its ${name} has the shape ${slot.spec.shape.join("×") || "scalar"}, where ${channels} values belong`;
    }
    const channel = data.findIndex((value) => !Number.isFinite(value));
    if (channel >= 0) return `its ${name} of channel ${channel} is ${data[channel]}`;
    values[name] = data;
  }
  const { weight, bias, mean, variance } = values;
  const eps = epsOf(layer) ?? 0;
  const channel = variance.findIndex((value) => !(value + eps > 0));
  if (channel >= 0) return `its variance of channel ${channel} is ${variance[channel]}, with eps ${eps}`;
  const scale = variance.map((value, k) => (weight?.[k] ?? 1) / Math.sqrt(value + eps));
  return { scale, shift: scale.map((value, k) => (bias?.[k] ?? 0) - mean[k] * value) };
}
