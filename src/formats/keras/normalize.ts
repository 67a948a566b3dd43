import { isObject, type JsonObject } from "../json.js";
import { argumentsBesides, isLambda, isNamedOperation, isOperation, lambdaCall, operationClass } from "./operations.js";

/** Settings of Keras 3 that nothing else knows. */
const wrappings = ["module", "registered_name", "build_config", "compile_config"];
const networks = ["Sequential", "Functional", "Model"];

/** A reference of Keras 2 and TF.js: [layer, call, output], and what else the call is given. */
type Reference = [string, unknown, unknown, JsonObject];

/**
 * Brings a network as Keras 3 describes it into the form of Keras 2, which TF.js reads: `batch_shape`, types and
 * functions as objects, calls with `args`. What has that form stays as it is.
 *
 * @param network - is changed
 * @returns what was changed, in words, each once
 */
export function normalizeNetwork(network: JsonObject): string[] {
  const changes = new Set<string>();
  visitLayer(network, changes);
  return [...changes];
}

function visitLayer(entry: JsonObject, changes: Set<string>): void {
  if (isOperation(entry)) {
    note(changes, "functions of keras.ops are now layers", () => {
      entry["class_name"] = operationClass(entry);
    });
  }
  for (const key of wrappings) {
    if (key in entry) note(changes, "fields that only Keras 3 reads are gone", () => delete entry[key]);
  }
  const { config, class_name: className } = entry;
  if (!isObject(config)) return;
  if (config["batch_shape"] !== undefined && config["batch_input_shape"] === undefined) {
    note(changes, "batch_shape is now batch_input_shape", () => {
      config["batch_input_shape"] = listOf(config["batch_shape"]);
      delete config["batch_shape"];
    });
  }
  if (networks.includes(String(className)) && Array.isArray(config["layers"])) {
    visitNetwork(entry, config, changes);
    return;
  }
  for (const [key, value] of Object.entries(config)) config[key] = plain(key, value, changes);
  if (className === "LeakyReLU" && config["negative_slope"] !== undefined && config["alpha"] === undefined) {
    note(changes, "negative_slope is now alpha", () => {
      config["alpha"] = config["negative_slope"];
      delete config["negative_slope"];
    });
  }
}

function visitNetwork({ class_name: className }: JsonObject, config: JsonObject, changes: Set<string>): void {
  const layers = (config["layers"] as unknown[]).filter(isObject);
  if ("dtype" in config) config["dtype"] = plain("dtype", config["dtype"], changes);
  for (const layer of layers) visitLayer(layer, changes);
  if (className === "Sequential") {
    const [first] = layers;
    const shape = config["build_input_shape"];
    if (first !== undefined && isObject(first["config"]) && Array.isArray(listOf(shape))) {
      const own = first["config"];
      if (own["batch_input_shape"] === undefined && !networks.includes(String(first["class_name"]))) {
        note(changes, "build_input_shape is now batch_input_shape", () => {
          own["batch_input_shape"] = listOf(shape);
        });
      }
    }
    return;
  }
  for (const layer of layers) {
    const nodes = layer["inbound_nodes"];
    if (Array.isArray(nodes) && isLambda(layer)) layer["inbound_nodes"] = nodes.map(lambdaCall);
    if (!Array.isArray(nodes) || !nodes.some(isObject)) continue;
    note(changes, "calls are now lists of [layer, call, output]", () => {
      const takesConstants = isNamedOperation(layer);
      layer["inbound_nodes"] = nodes.map((node: unknown) => (isObject(node) ? callOf(node, takesConstants) : node));
    });
  }
  for (const key of ["input_layers", "output_layers"]) {
    const ends = config[key];
    const references = referencesIn(ends);
    const isList = Array.isArray(ends) && ends.length === references.length && ends.every(Array.isArray);
    if (isList || references.length === 0) continue;
    note(changes, `${key} is now a list of [layer, call, output]`, () => {
      config[key] = references;
    });
  }
}

function note(changes: Set<string>, what: string, change: () => unknown): void {
  change();
  changes.add(what);
}

/**
 * A setting without the wrappings of Keras 3: types and functions by their names, other objects by class and settings.
 */
function plain(key: string, value: unknown, changes: Set<string>): unknown {
  if (Array.isArray(value)) return value.map((one: unknown) => plain("", one, changes));
  if (!isObject(value)) return value;
  const { class_name: className, config, items } = value;
  if (className === "__tuple__") {
    changes.add("tuples are now lists");
    return plain("", items ?? config, changes);
  }
  if (typeof className !== "string") return value;
  if (key.endsWith("dtype") && isObject(config)) {
    changes.add("dtype policies are now names of types");
    // Half precision is what layers compute in; weights are float32.
    const name = String(config["name"] ?? "float32");
    return /^mixed_|^float|^bfloat/.test(name) ? "float32" : name;
  }
  const isWrapped = wrappings.some((one) => one in value);
  if (className === "function" && typeof config === "string") {
    changes.add("functions are now names");
    return config;
  }
  if (!isWrapped) {
    if (isObject(config) && Array.isArray(config["layers"])) visitLayer(value, changes);
    return value;
  }
  visitLayer(value, changes);
  const norm = className === "L1" || className === "L2";
  if (norm && isObject(config)) {
    value["class_name"] = "L1L2";
    value["config"] = { l1: config["l1"] ?? 0, l2: config["l2"] ?? 0 };
  }
  return value;
}

/** A list, also where it is written as a tuple. */
function listOf(value: unknown): unknown {
  if (!isObject(value) || value["class_name"] !== "__tuple__") return value;
  return value["items"] ?? value["config"];
}

/** A call as Keras 3 writes it, as the list of what it takes; values among its settings are references too. */
function callOf({ args, kwargs }: JsonObject, takesConstants: boolean): unknown[] {
  const references = tensorsIn(args);
  const options: JsonObject = {};
  if (takesConstants) {
    const countValues = (tree: unknown) => ({ count: tensorsIn(tree).length, isPure: holdsTensorsAlone(tree) });
    const besides = argumentsBesides(args, countValues);
    if (besides !== null) options["args"] = besides;
  }
  for (const [key, value] of Object.entries(isObject(kwargs) ? kwargs : {})) {
    const [first, ...others] = tensorsIn(value);
    if (first === undefined) options[key] = value;
    else if (others.length > 0 || (references.length === 0 && ["inputs", "query", "sequence", "x"].includes(key))) {
      references.push(first, ...others);
    } else options[key] = first.slice(0, 3);
  }
  return references.map((reference): Reference => [reference[0], reference[1], reference[2], options]);
}

/** Whether an argument is a value, or a list of values. */
function holdsTensorsAlone(tree: unknown): boolean {
  const list = listOf(tree);
  if (Array.isArray(list)) return list.every(holdsTensorsAlone);
  return isObject(list) && list["class_name"] === "__keras_tensor__";
}

/** The values that arguments name, however they are nested. */
function tensorsIn(tree: unknown): Reference[] {
  if (Array.isArray(tree)) return tree.flatMap(tensorsIn);
  if (!isObject(tree)) return [];
  const { class_name: className, config } = tree;
  if (className === "__keras_tensor__" && isObject(config) && Array.isArray(config["keras_history"])) {
    const [name, node, place]: unknown[] = config["keras_history"];
    return [[String(name), node, place, {}]];
  }
  return className === "__tuple__" ? tensorsIn(listOf(tree)) : Object.values(tree).flatMap(tensorsIn);
}

/** References in whatever lists and objects they stand. */
function referencesIn(tree: unknown): unknown[][] {
  if (isObject(tree)) return Object.values(tree).flatMap(referencesIn);
  if (!Array.isArray(tree)) return [];
  const [name, node, place]: unknown[] = tree;
  const isOne = typeof name === "string" && typeof node === "number" && typeof place === "number";
  return isOne ? [tree] : tree.flatMap(referencesIn);
}
