import { isObject, type JsonObject } from "../../json.js";
import { networkOf } from "../../tfjs/model/container.js";
import { weightRoles } from "../weight-roles.js";
import { groupAt, type H5Array, type H5Group } from "./h5.js";

/** A weight by the name that TF.js knows it by. */
export interface NamedArray {
  readonly name: string;
  readonly array: H5Array;
}

/** What Keras calls the file's place of a class: `batch_normalization`. */
function snakeCase(className: string): string {
  // The class that Keras exports by a shorter name.
  return className
    .replace(/^GroupQueryAttention$/, "GroupedQueryAttention")
    .replaceAll(/\W+/g, "")
    .replaceAll(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}

/** Where parts of a layer keep their weights, and what TF.js calls them. */
function partsOf(
  layer: JsonObject,
): readonly (readonly [path: readonly string[], name: string, className: string, config: JsonObject])[] {
  const { class_name: className, config } = layer as { class_name: string; config: JsonObject };
  const inner = isObject(config["layer"]) ? config["layer"] : null;
  const [innerClass, innerConfig] = [String(inner?.["class_name"]), isObject(inner?.["config"]) ? inner["config"] : {}];
  const cell = (name: string): string[] => (["LSTM", "GRU", "SimpleRNN"].includes(name) ? ["cell"] : []);
  if (className === "Bidirectional") {
    return ["forward", "backward"].map((side) => [
      [`${side}_layer`, ...cell(innerClass)],
      `${side}_${String(innerConfig["name"] ?? snakeCase(innerClass))}/`,
      innerClass,
      innerConfig,
    ]);
  }
  if (className === "TimeDistributed" || className === "SpectralNormalization")
    return [[["layer", ...cell(innerClass)], "", innerClass, innerConfig]];
  if (className === "MultiHeadAttention" || className === "GroupQueryAttention") {
    return ["query", "key", "value", "output"].map((part) => [
      [`${part}_dense`],
      part === "output" ? "attention_output/" : `${part}/`,
      "Dense",
      config,
    ]);
  }
  return [[cell(className), "", className, config]];
}

/** The weights of a model.weights.h5, in which Keras 3 counts layers of a class and weights of a layer. */
export function countedWeights(root: H5Group, network: JsonObject): NamedArray[] {
  const { config } = network;
  const layers = isObject(config) && Array.isArray(config["layers"]) ? config["layers"].filter(isObject) : [];
  const found: NamedArray[] = [];
  const counts = new Map<string, number>();
  const place = root.groups.get("layers") ?? root.groups.get("_layer_checkpoint_dependencies");
  if (place === undefined) return [];
  for (const layer of layers) {
    const { class_name: className, config: own } = layer;
    if (typeof className !== "string" || !isObject(own)) continue;
    const snake = snakeCase(className.slice(className.lastIndexOf(">") + 1));
    const count = counts.get(snake) ?? 0;
    counts.set(snake, count + 1);
    const group = place.groups.get(count === 0 ? snake : `${snake}_${count}`);
    if (group === undefined) continue;
    const inner = networkOf(layer);
    if (inner !== null) {
      const within = inner === layer ? group : group.groups.get("layer");
      found.push(...(within === undefined ? [] : countedWeights(within, inner)));
      continue;
    }
    const name = String(layer["name"] ?? own["name"] ?? snake);
    for (const [path, prefix, partClass, partConfig] of partsOf(layer)) {
      const vars = groupAt(group, [...path, "vars"]);
      const roles = weightRoles(partClass, partConfig);
      for (const [key, array] of vars?.arrays ?? []) {
        found.push({ name: `${name}/${prefix}${roles[Number(key)] ?? key}`, array });
      }
    }
  }
  return found;
}

/**
 * The weights of a whole model in one .h5 file, which lists their names.
 *
 * @param names - of all layers, in networks inside too
 */
export function listedWeights(root: H5Group, names: ReadonlySet<string>): NamedArray[] {
  const weights = root.groups.get("model_weights") ?? root;
  const found: NamedArray[] = [];
  for (const layer of listed(weights, "layer_names")) {
    const group = weights.groups.get(layer);
    for (const name of group === undefined ? [] : listed(group, "weight_names")) {
      const parts = name.split("/");
      const array =
        group === undefined ? undefined : groupAt(group, parts.slice(0, -1))?.arrays.get(parts[parts.length - 1]);
      if (array !== undefined) found.push({ name: nameOf(layer, name.replace(/:\d+$/, ""), names), array });
    }
  }
  return found;
}

/** A list of texts, which Keras cuts in several where it is long: `weight_names0`, `weight_names1`. */
function listed({ texts }: H5Group, key: string): string[] {
  const whole = texts.get(key);
  if (whole !== undefined) return [whole].flat();
  const all: string[] = [];
  for (let k = 0; ; k++) {
    const part = texts.get(`${key}${k}`);
    if (part === undefined) return all;
    all.push(...[part].flat());
  }
}

/** A weight's name as TF.js has it: its layer, or the layer of a network inside, and what stands behind that. */
function nameOf(layer: string, name: string, names: ReadonlySet<string>): string {
  const parts = name.split("/");
  const role = parts[parts.length - 1];
  if (names.has(layer)) {
    const at = parts.lastIndexOf(layer, parts.length - 2);
    return [layer, ...(at < 0 ? [role] : parts.slice(at + 1))].join("/");
  }
  for (let k = parts.length - 2; k >= 0; k--) {
    const inside = [`${layer}_${parts[k]}`, parts[k]].find((one) => names.has(one));
    if (inside !== undefined) return [inside, ...parts.slice(k + 1)].join("/");
  }
  return `${layer}/${role}`;
}
