import type { FileBudget } from "../../file-budget.js";
import { work } from "../../file-budget.js";
import type { Layer } from "../model/container.js";
import type { Slot, TfjsModel } from "../model/tfjs-model.js";
import { weightValues } from "../model/weights.js";
import type { Numbers } from "./rearranged.js";

/** A weight of a layer: the parts of its name behind the layer's. */
interface Own {
  readonly parts: readonly string[];
  readonly slot: Slot;
}

/** The weights of a model by their layers. */
export class LayerWeights {
  readonly #model: TfjsModel;
  readonly #budget: FileBudget;
  readonly #own = new Map<string, Own[]>();

  constructor(model: TfjsModel, budget: FileBudget) {
    this.#model = model;
    this.#budget = budget;
    const names = new Set(
      [...model.containers()].flatMap(({ layers, inner }) => [...layers.keys()].filter((name) => !inner.has(name))),
    );
    for (const slot of model.slots()) {
      const [layer, parts] = readName(slot.spec.name, names) ?? [];
      if (layer === undefined || parts === undefined) continue;
      const own = this.#own.get(layer);
      if (own === undefined) this.#own.set(layer, [{ parts, slot }]);
      else own.push({ parts, slot });
    }
  }

  /**
   * The weight of a role: `kernel`, or `forward/kernel` of a part. Between the layer's name and that of the weight
   * others may stand, such as a cell's.
   *
   * @param keys - all roles of the layer in their order, by which Keras 3 counts weights
   * @returns a text that says why there is none
   */
  get(layer: Layer, role: string, keys: readonly string[]): Numbers | string {
    if (!this.#model.isNamedOnce(layer)) return "which other layers with its name hide";
    const path = role.split("/");
    const last = path[path.length - 1];
    const found = (this.#own.get(layer.name) ?? []).filter(({ parts }) => {
      if (parts.length === 1 && parts[0] === String(keys.indexOf(role))) return true;
      if (parts[parts.length - 1] !== last) return false;
      return path.length === 1 || (parts.length > 1 && parts[0].startsWith(path[0]));
    });
    if (found.length !== 1)
      return found.length === 0 ? "which the file lacks" : `of which the file has ${found.length}`;
    const [{ slot }] = found;
    this.#budget.spend("work", work.parameter * slot.bytes.length);
    const data = weightValues(slot);
    return data === null ? `of ${slot.spec.dtype}` : { shape: slot.spec.shape, data };
  }
}

/** So many parts of a weight's name are looked at. */
const mostParts = 16;

/**
 * The layer of a weight, and what of its name stands behind that. Names of layers may hold slashes, and Keras puts
 * names of networks before them.
 */
export function readName(name: string, layers: ReadonlySet<string>): [layer: string, parts: string[]] | null {
  const parts = name.split("/");
  for (let start = 0; start < Math.min(parts.length, mostParts); start++) {
    for (let end = Math.min(parts.length - 1, start + mostParts); end > start; end--) {
      const layer = parts.slice(start, end).join("/");
      if (layers.has(layer)) return [layer, parts.slice(end)];
    }
  }
  return null;
}
