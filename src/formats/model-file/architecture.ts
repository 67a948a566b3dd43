import { FormatError } from "../../errors.js";
import { layerClasses, layerName } from "../../nn/layer-classes.js";
import { type AnyModule, Module } from "../../nn/module.js";

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
  // A subclass may hold layers that its constructor has added, which the arguments do not tell of.
  if (type === null || given === null || !model.children().every(([, child]) => given.includes(child))) return null;
  const described = given.map((argument) => (argument instanceof Module ? describeLayer(argument) : argument));
  return described.includes(null) ? null : { type, arguments: described };
}

/** The network that data describe, with initial parameters. @throws FormatError if a layer is not one of Evenkeel's own */
export function buildArchitecture(architecture: unknown): Module {
  const { type, arguments: given } = (architecture ?? {}) as Partial<Architecture>;
  if (typeof type === "string" && Object.hasOwn(layerClasses, type) && Array.isArray(given)) {
    try {
      // What a file says is checked by the constructors, as is what a program says.
      return Reflect.construct(layerClasses[type], given.map(buildArgument));
    } catch (cause) {
      if (cause instanceof FormatError) throw cause;
      throw new FormatError(
        {
          where: "loadModel(bytes)",
          expected: `what new ${type}() takes`,
          received: JSON.stringify(given),
          cure: "Check that the file is complete and was written by Evenkeel.",
        },
        { cause },
      );
    }
  }
  throw new FormatError({
    where: "loadModel(bytes)",
    expected: `a layer of ${Object.keys(layerClasses).sort().join(", ")}`,
    received: JSON.stringify(type) ?? "none",
    cure: "Load it with the version of Evenkeel that wrote it, or a newer one.",
  });
}

/** An argument of a constructor: the layer that it describes, or the value itself. */
function buildArgument(argument: unknown): unknown {
  return typeof argument === "object" && argument !== null && "type" in argument
    ? buildArchitecture(argument)
    : argument;
}
