import { isObject, type JsonObject } from "../json.js";

/**
 * Functions that a network calls on values beside layers, `x + 3` or `keras.ops.mean(x)`, as Keras 2 (`TFOpLambda`) and
 * Keras 3 (`keras.src.ops`) describe them.
 */

/** What Keras 3's functions are called in the form of Keras 2: `ops.Add`. */
const prefix = "ops.";

/** Functions of Keras 3 that are the layers of the same names where both arguments are values of as many axes. */
const merges = ["Add", "Subtract", "Multiply", "Maximum", "Minimum"];

/** Functions and slices of Keras 2. */
const lambdas: readonly unknown[] = ["TFOpLambda", "SlicingOpLambda"];

/** Whether an entry is a function of Keras 3. */
export function isOperation({ module }: JsonObject): boolean {
  return typeof module === "string" && /^keras(\.src)?\.ops\b/.test(module);
}

/** Whether a layer in the form of Keras 2 is a function of Keras 3. */
export function isNamedOperation({ class_name: className }: JsonObject): boolean {
  return String(className).startsWith(prefix);
}

/** The class of a function of Keras 3: that of a layer where one does the same. */
export function operationClass({ class_name: className, inbound_nodes: nodes }: JsonObject): string {
  const name = String(className);
  const isMerge = merges.includes(name) && Array.isArray(nodes) && nodes.every(isMergeCall);
  return isMerge ? name : prefix + name;
}

function isMergeCall(node: unknown): boolean {
  const args = isObject(node) && Array.isArray(node["args"]) ? node["args"] : [];
  const ranks = args.map((one: unknown) => {
    const config = isObject(one) && one["class_name"] === "__keras_tensor__" ? one["config"] : null;
    return isObject(config) && Array.isArray(config["shape"]) ? config["shape"].length : null;
  });
  return ranks.length === 2 && ranks[0] !== null && ranks[0] === ranks[1];
}

/**
 * The arguments of a call where some are no values of the network: numbers, lists and slices as they are, and `{ input:
 * k }` for the k-th value.
 *
 * @param countValues - how many values an argument holds, and whether it holds nothing else
 * @returns null where all are values
 */
export function argumentsBesides(
  args: unknown,
  countValues: (tree: unknown) => { count: number; isPure: boolean },
): unknown[] | null {
  if (!Array.isArray(args)) return null;
  let next = 0;
  const list = args.map((one: unknown): unknown => {
    const { count, isPure } = countValues(one);
    if (count === 0) return plainConstant(one);
    const input = next;
    next += count;
    // A list of values and numbers is something that no function here takes.
    if (!isPure) return "a list of values and constants";
    return count === 1 && !Array.isArray(one) ? { input } : { inputs: [input, next] };
  });
  return list.every((one) => isObject(one) && ("input" in one || "inputs" in one)) ? null : list;
}

/** Numbers, lists, and slices without what Keras 3 wraps around them. */
function plainConstant(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainConstant);
  if (!isObject(value)) return value;
  const { class_name: className, config, items } = value;
  if (className === "__tuple__") return plainConstant(items ?? config);
  if (className === "__ellipsis__") return "...";
  if (!isObject(config)) return value;
  if (className === "__slice__") return config;
  return className === "__numpy__" || className === "__tensor__" ? config["value"] : value;
}

/** Whether a layer is a function of Keras 2. */
export function isLambda({ class_name: className }: JsonObject): boolean {
  return lambdas.includes(className);
}

/**
 * A call of a function of Keras 2 as a list of references. Keras writes its only value without a list around it, and a
 * constant in the first place as `["_CONSTANT_VALUE", −1, 3]`.
 */
export function lambdaCall(node: unknown): unknown {
  if (!Array.isArray(node)) return node;
  const references: unknown[] = typeof node[0] === "string" ? [node] : node;
  const isConstant = (one: unknown): one is unknown[] => Array.isArray(one) && one[0] === "_CONSTANT_VALUE";
  if (!references.some(isConstant)) return references;
  const options = references.map((one) => (Array.isArray(one) ? one[3] : undefined)).find(isObject) ?? {};
  const values = Object.entries(options).filter(
    ([, one]) => Array.isArray(one) && typeof one[0] === "string" && typeof one[1] === "number",
  );
  const others = Object.fromEntries(Object.entries(options).filter(([key]) => !values.some(([name]) => name === key)));
  let next = 0;
  const first = references.map((one) => (isConstant(one) ? one[2] : { input: next++ }));
  const args = [...first, ...values.map(() => ({ input: next++ }))];
  const found = [...references.filter((one) => !isConstant(one)), ...values.map(([, one]) => one)];
  return found.map((one) => (Array.isArray(one) ? [...one.slice(0, 3), { ...others, args }] : one));
}
