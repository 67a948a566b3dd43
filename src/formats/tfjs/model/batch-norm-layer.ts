import { type BatchNormParameters, fixedMap } from "../../../graph/fold/channel-map.js";
import type { ChannelMap } from "../../../nn/layer-traits.js";
import type { Layer } from "./container.js";
import { normClassOf } from "./norm-classes.js";
import type { Slot, TfjsModel } from "./tfjs-model.js";
import { weightValues } from "./weights.js";

/** The weights of a normalisation, by what we call them; as far as they are there. */
export function normWeights(model: TfjsModel, layer: Layer): Record<string, Slot | null> {
  const list = (normClassOf(layer.className)?.weights ?? []).filter(
    ([, , onlyIf]) => onlyIf === null || layer.config[onlyIf] !== false,
  );
  const keys = list.map(([key]) => key);
  return Object.fromEntries(list.map(([key, name]) => [name, model.weightOf(layer, key, keys)]));
}

/** What is added under the root: the config's, or else the kind's; null where it has none. */
export function epsOf({ className, config }: Layer): number | null {
  const { epsilon } = config;
  return typeof epsilon === "number" ? epsilon : (normClassOf(className)?.eps ?? null);
}

/** The map of a batch norm; a text says why it has none that is fixed. */
export function layerMapOf(model: TfjsModel, layer: Layer): ChannelMap | string {
  if (!model.isNamedOnce(layer)) return "other layers have its name: its weights are not known";
  const values = {} as { -readonly [Name in keyof BatchNormParameters]: BatchNormParameters[Name] };
  let channels: number | null = null;
  for (const [name, slot] of Object.entries(normWeights(model, layer))) {
    const data = slot === null ? null : weightValues(slot);
    if (slot === null || data === null) return `its ${name} is ${slot === null ? "missing" : `of ${slot.spec.dtype}`}`;
    channels ??= data.length;
    if (slot.spec.shape.length !== 1 || data.length !== channels)
      return `its ${name} has the shape ${slot.spec.shape.join("×") || "scalar"}, where ${channels} values belong`;
    values[name as keyof BatchNormParameters] = data;
  }
  return fixedMap(values, epsOf(layer) ?? 0);
}
