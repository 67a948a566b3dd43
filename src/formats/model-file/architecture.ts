import { withClaims } from "../../create.js";
import { FormatError } from "../../errors.js";
import { type LayerClass, layerClasses, layerName } from "../../nn/layer-classes.js";
import { type AnyModule, Module } from "../../nn/module.js";
import { shown } from "../../shown.js";
import type { FileBudget } from "../file-budget.js";

/** A layer as data: its class and what its constructor takes; layers inside it are such data too. */
export interface Architecture {
  readonly type: string;
  readonly arguments: readonly unknown[];
}

/** A network as data; null if a class in it is not one of Evenkeel's own, or a layer is shared. */
export function describeArchitecture(model: AnyModule): Architecture | null {
  return sharesLayers(model, new Set()) ? null : describeLayer(model);
}

/** Whether a layer with parameters stands in two places: data would describe it twice, and the two would part. */
function sharesLayers(model: AnyModule, seen: Set<AnyModule>): boolean {
  if (seen.has(model)) return model.parameters().length > 0;
  seen.add(model);
  return model.children().some(([, child]) => sharesLayers(child, seen));
}

function describeLayer(model: AnyModule): Architecture | null {
  const [type, given] = [layerName(model), model.constructorArguments()];
  if (type === null || given === null) return null;
  // A subclass may hold layers that its constructor has added, which the arguments do not tell of.
  const isItself = model.constructor === layerClasses[type];
  if (!isItself && !model.children().every(([, child]) => given.includes(child))) return null;
  const described = given.map((argument) => (argument instanceof Module ? describeLayer(argument) : argument));
  return described.includes(null) ? null : { type, arguments: described };
}

/** So deep may layers stand in layers. */
const deepest = 100;

const damaged = "Check that the file is complete and was written by Evenkeel.";

/**
 * The network that data describe, with initial parameters.
 *
 * @param budget - of the file that the data come from
 * @throws FormatError if a layer is not one of Evenkeel's own, or there is more of them than the budget allows
 */
export function buildArchitecture(architecture: unknown, budget: FileBudget): Module {
  const ask = (values: number): void => budget.spend("values", values);
  return withClaims(ask, () => buildLayer(architecture, budget, 0));
}

function buildLayer(architecture: unknown, budget: FileBudget, depth: number): Module {
  const { type, arguments: given } = (architecture ?? {}) as Partial<Architecture>;
  budget.spend("layers", 1);
  if (depth > deepest) throw malformed(`layers nested at most ${deepest} deep`, "deeper ones", damaged);
  if (typeof type !== "string" || !Object.hasOwn(layerClasses, type)) {
    throw malformed(
      "one of Evenkeel's layers",
      type === undefined ? "none" : shown(type),
      "Load it with the version of Evenkeel that wrote it, or a newer one.",
    );
  }
  if (!Array.isArray(given)) throw malformed(`what new ${type}() takes`, shown(given), damaged);
  const made: Module[] = [];
  /** An argument of a constructor: the layer that it describes, or the value itself. */
  const build = (argument: unknown): unknown => {
    if (typeof argument !== "object" || argument === null || !("type" in argument)) return argument;
    const layer = buildLayer(argument, budget, depth + 1);
    made.push(layer);
    return layer;
  };
  try {
    const layerClass: LayerClass = layerClasses[type];
    const stored = given.map(build);
    // What a file says is checked by the constructors, as is what a program says.
    return Reflect.construct(layerClass, layerClass.storedArguments?.(stored) ?? stored);
  } catch (cause) {
    for (const layer of made) disposeParameters(layer);
    if (cause instanceof FormatError) throw cause;
    throw malformed(`what new ${type}() takes`, shown(given), damaged, cause);
  }
}

/**
 * Frees the parameters of a network that nobody is going to have; what little its buffers hold is left to the garbage
 * collector.
 */
export function disposeParameters(model: AnyModule): void {
  for (const t of model.parameters()) t.dispose();
}

function malformed(expected: string, received: string, cure: string, reason?: unknown): FormatError {
  return new FormatError({ where: "loadModel(bytes)", expected, received, cure }, { cause: reason });
}
