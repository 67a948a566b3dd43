import { isObject, type JsonObject } from "../json.js";
import { networkOf } from "../tfjs/model/container.js";

interface Network {
  readonly layers: readonly JsonObject[];
  readonly config: JsonObject;
  /** What stands before the names of its layers: nothing in the outermost. */
  readonly place: string;
}

/**
 * Gives layers of networks inside a network names of their own, where another layer has theirs: Keras 3 finds weights
 * by their place, TF.js by the name of the layer alone.
 *
 * @param network - in the form of Keras 2; is changed
 * @returns whether a layer was renamed
 */
export function giveUniqueNames(network: JsonObject): boolean {
  const networks = networksIn(network, "");
  const counts = new Map<string, number>();
  for (const { layers } of networks) {
    for (const layer of layers) counts.set(nameOf(layer), (counts.get(nameOf(layer)) ?? 0) + 1);
  }
  let isRenamed = false;
  for (const { layers, config, place } of networks) {
    if (place === "") continue;
    const names = new Map<string, string>();
    for (const layer of layers) {
      const name = nameOf(layer);
      if ((counts.get(name) ?? 0) < 2) continue;
      names.set(name, `${place}${name}`);
      if (layer["name"] !== undefined) layer["name"] = `${place}${name}`;
      if (isObject(layer["config"])) layer["config"]["name"] = `${place}${name}`;
    }
    if (names.size === 0) continue;
    isRenamed = true;
    for (const layer of layers)
      if ("inbound_nodes" in layer) layer["inbound_nodes"] = renamed(layer["inbound_nodes"], names);
    for (const key of ["input_layers", "output_layers"]) if (key in config) config[key] = renamed(config[key], names);
  }
  return isRenamed;
}

function networksIn(network: JsonObject, place: string): Network[] {
  const config = networkOf(network)?.["config"];
  if (!isObject(config) || !Array.isArray(config["layers"])) return [];
  const layers = config["layers"].filter(isObject);
  return [{ layers, config, place }, ...layers.flatMap((layer) => networksIn(layer, `${place}${nameOf(layer)}_`))];
}

function nameOf({ name, config }: JsonObject): string {
  return String(name ?? (isObject(config) ? config["name"] : ""));
}

/** The same lists and objects with other names in references. */
function renamed(tree: unknown, names: ReadonlyMap<string, string>): unknown {
  if (isObject(tree))
    return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, renamed(value, names)]));
  if (!Array.isArray(tree)) return tree;
  const [name, node, place, ...rest]: unknown[] = tree;
  const isReference = typeof name === "string" && typeof node === "number" && typeof place === "number";
  if (!isReference) return tree.map((one: unknown) => renamed(one, names));
  return [names.get(name) ?? name, node, place, ...rest.map((one) => renamed(one, names))];
}
