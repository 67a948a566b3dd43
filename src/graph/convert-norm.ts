import { ArgumentError } from "../errors.js";
import { type AnyModule, Module } from "../nn/module.js";
import { Norm } from "../nn/norms/norm.js";
import { sameShape } from "../shape.js";
import { Graph } from "./graph.js";
import { isLayer } from "./is-layer.js";
import { tensorsReadByOps } from "./parts.js";
import { replaceChild } from "./replace-child.js";

/** What {@link convertNorm} has put in place of a norm. */
export interface ConvertedNorm {
  /** The path, as in {@link Module.namedModules}. */
  readonly name: string;
  /** The norm that stood there. */
  readonly from: Norm;
  /** What stands there now. */
  readonly to: AnyModule;
  /** Which parameters went over; the others of `to` are new, and no optimiser made before knows them. */
  readonly kept: readonly ("weight" | "bias")[];
}

/**
 * Replaces norms in a model, wherever they stand: batch by group norm, say, to fine-tune with small batches.
 *
 * Weight and bias go over to a replacement that has them in the same shape: the very tensors, so that an optimiser made
 * before goes on training them. Parameters that do not fit are left behind: such an optimiser still holds them, to no
 * effect, and does not know the new ones. So make the optimiser afterwards wherever `kept` is not `["weight", "bias"]`.
 * Running statistics do not go over. A replacement takes the mode of what it replaces. Listeners stay with the old
 * norm.
 *
 * A {@link Graph} is changed in place too, in its nodes and its names. It shares its layers with the module that it was
 * traced from, but not their places: what is converted in one stays as it is in the other, though parameters that went
 * over are used by both.
 *
 * @param model - changed in place
 * @param convert - called once for each norm, with its path; returns what shall stand there, or nothing to leave it
 * @returns what was replaced, in the order of {@link Module.namedModules}
 * @throws ArgumentError if the model is a norm itself, `convert` returns something else than a module, or, for a norm
 * in a graph, than one of the library's layers; or an op of a graph reads a parameter of the norm
 * @example
 * ```ts
 * const model = new Sequential(new Conv2d(3, 32, 3), new BatchNorm(32), new ReLU());
 * const converted = convertNorm(model, (norm) => norm instanceof BatchNorm && new GroupNorm(8, norm.numFeatures));
 * model.toString(); // Sequential(Conv2d(3, 32, 3), GroupNorm(8, 32), ReLU())
 * converted[0].kept; // ["weight", "bias"]
 * ```
 */
export function convertNorm(
  model: AnyModule,
  convert: (norm: Norm, name: string) => AnyModule | null | undefined | false,
): ConvertedNorm[] {
  if (model instanceof Norm) {
    throw new ArgumentError({
      where: "convertNorm(model, convert)",
      expected: "a model that holds norms",
      received: `${model}, a norm itself`,
      cure: "Build its replacement in its place.",
    });
  }
  const modules = model.namedModules();
  const planned = modules.flatMap(([name, from]) => {
    const to = from instanceof Norm ? convert(from, name) : null;
    return from instanceof Norm && isReplacement(to, name) && to !== from ? [{ name, from, to }] : [];
  });
  const graphs = modules.flatMap(([, module]) => (module instanceof Graph ? [module] : []));
  for (const graph of graphs) for (const { name, from, to } of planned) checkNode(graph, name, from, to);
  return planned.map(({ name, from, to }) => {
    const kept = (["weight", "bias"] as const).filter((key) => moveParameter(from, to, key));
    to.train(from.training);
    for (const graph of graphs) graph.replaceLayer(from, to);
    for (const [, parent] of modules) replaceChild(parent, from, to);
    return { name, from, to, kept };
  });
}

function isReplacement(value: unknown, name: string): value is AnyModule {
  if (value instanceof Module) return true;
  if (value === null || value === undefined || value === false) return false;
  throw new ArgumentError({
    where: "convertNorm(model, convert)",
    expected: `convert to return a module for ${name}, or nothing`,
    received: `a ${typeof value}`,
    cure: "Return the layer that shall stand there.",
  });
}

/** @throws ArgumentError if a norm that stands in a graph cannot be replaced there */
function checkNode(graph: Graph, name: string, from: Norm, to: AnyModule): void {
  if (!graph.namedModules().some(([, module]) => module === from)) return;
  if (!isLayer(to)) {
    throw new ArgumentError({
      where: "convertNorm(graph, convert)",
      expected: `convert to return one of the library's layers for ${name}, since a graph's nodes are such`,
      received: String(to),
      cure: "Convert the module that the graph was traced from, and trace it again.",
    });
  }
  const reading = tensorsReadByOps(graph.parts);
  for (const [key, t] of from.ownState()) {
    const by = reading.get(t);
    if (by === undefined) continue;
    throw new ArgumentError({
      where: "convertNorm(graph, convert)",
      expected: "norms whose parameters nothing else reads",
      received: `${name}, whose ${key} ${by} reads`,
      cure: "Leave that norm as it is: let convert return nothing for it.",
    });
  }
}

/** Whether a parameter fits the same place in another norm, to which it then goes. */
function moveParameter(from: Norm, to: AnyModule, key: "weight" | "bias"): boolean {
  const parameter = from[key];
  const place = to instanceof Norm ? to[key] : null;
  if (!(to instanceof Norm) || parameter === null || place === null || !sameShape(parameter.shape, place.shape))
    return false;
  to[key] = parameter;
  return true;
}
