import { existsSync } from "node:fs";
import { relative, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { noGrad } from "../autograd.js";
import { zeros } from "../create.js";
import { DataError } from "../errors.js";
import type { NetworkRecord } from "../formats/model-file/save-model.js";
import { nearest } from "../nearest.js";
import { classifierNames, coreNames } from "../networks/names.js";
import type { NetworkOptions } from "../networks/networks.js";
import { Module } from "../nn/module.js";
import { scope } from "../scope.js";
import { formatShape, type Shape } from "../shape.js";
import { Tensor } from "../tensor.js";
import { evaluating } from "../train/mode.js";

/** Builds a network for inputs and outputs of some sizes. */
export type BuildNetwork = (options: NetworkOptions) => Promise<Module>;

/** Samples of the trial pass: as many as batch statistics need to be no cause for a warning. */
const trialSamples = 8;

/** What can be built by name: networks whose outputs are (N, classes). */
export const builtInNames = [...coreNames, ...classifierNames] as const;

/** Whether a network is one of Evenkeel's own, and not a module whose code runs. */
export function isBuiltIn(name: string): name is (typeof builtInNames)[number] {
  return (builtInNames as readonly string[]).includes(name);
}

/**
 * The network of a name (`mlp`, `cnn`, `resnet`, or one of `evenkeel/networks` such as `resnet18`), or of a module of
 * one's own.
 *
 * The default export of such a module is a function of {@link NetworkOptions} that returns a {@link Module} (or a
 * promise of one), a class that extends Module and takes those options, or a module itself. What it builds is tried on
 * zeros: its output must be (N, classes).
 *
 * @param from - a name, or the path of a module such as `./net.js`
 * @throws DataError if there is no such file, it does not load, or it does not make a network of the right sizes
 */
export async function loadNetwork(from: string): Promise<BuildNetwork> {
  if (isBuiltIn(from)) {
    // A file of a model mostly holds its network: none of these is needed then.
    const { networks } = await import("../networks/networks.js");
    const { namedNetworks } = await import("../networks/named-networks.js");
    return async (options) => ({ ...networks, ...namedNetworks })[from](options);
  }
  const where = `loadNetwork(${from})`;
  if (from === "unet") {
    const cure = "Build it in code, with data that have a class for each pixel.";
    throw fault(where, "a network that scores the classes of an image", "one that scores those of each pixel", cure);
  }
  const path = resolve(from);
  if (!existsSync(path)) {
    const expected = `${builtInNames.join(", ")}, or the file of a module such as ./net.js`;
    const near = nearest(from, builtInNames);
    throw fault(where, expected, "no such file", near === null ? "Name one of them." : `Did you mean ${near}?`);
  }
  const exported = await importDefault(where, path);
  return async (options) => {
    const model = checkModule(where, await make(where, exported, options));
    await checkOutput(where, model, options);
    return model;
  };
}

/**
 * What a saved model says about its network, so that it can be built again.
 *
 * @param from - as {@link loadNetwork} takes it
 * @param folder - where the model will be saved
 */
export function recordNetwork(from: string, folder: string, options: NetworkOptions): NetworkRecord {
  if (isBuiltIn(from)) return { from, options };
  return { from: relative(folder, resolve(from)).split(sep).join("/"), options };
}

function fault(where: string, expected: string, received: string, cure: string, cause?: unknown): DataError {
  return new DataError({ where, expected, received, cure }, cause === undefined ? {} : { cause });
}

/** The first line of what an error says, without its full stop. */
function lineOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0].replace(/\.$/, "");
}

async function importDefault(where: string, path: string): Promise<unknown> {
  let loaded: Record<string, unknown>;
  try {
    loaded = await import(pathToFileURL(path).href);
  } catch (cause) {
    throw fault(where, "a module that loads", lineOf(cause), "Correct the module.", cause);
  }
  if (loaded["default"] !== undefined) return loaded["default"];
  const names = Object.keys(loaded).join(", ");
  throw fault(
    where,
    "a default export that makes a network",
    names === "" ? "no export" : `only the exports ${names}`,
    "Write: export default ({ inputShape, classes }) => …",
  );
}

async function make(where: string, exported: unknown, options: NetworkOptions): Promise<unknown> {
  if (typeof exported !== "function") return exported;
  try {
    const isClass = /^class\b/.test(Function.prototype.toString.call(exported));
    return isClass ? Reflect.construct(exported, [options]) : await exported(options);
  } catch (cause) {
    throw fault(where, "a network from its default export", `an error: ${lineOf(cause)}`, "Correct the module.", cause);
  }
}

function checkModule(where: string, made: unknown): Module {
  // What its forward takes and gives is tried out next.
  if (made instanceof Module) return made as Module;
  if (typeof made === "object" && made !== null && "forward" in made && "stateDict" in made) {
    const cure = "Run the one that the module imports: npx evenkeel in its project.";
    throw fault(where, "a Module of this copy of evenkeel", "one of another copy", cure);
  }
  const received = made === null || made === undefined ? String(made) : `a value of type ${typeof made}`;
  throw fault(where, "a Module from its default export", received, "Return a Module.");
}

async function checkOutput(where: string, model: Module, { inputShape, classes }: NetworkOptions): Promise<void> {
  const expected = `outputs of shape N×${classes} for inputs of shape N×${formatShape(inputShape)}`;
  const cure = "Build it with the inputShape and classes it is given.";
  let shape: Shape;
  try {
    shape = await evaluating(model, async () =>
      scope(() => noGrad(() => checkTensor(model.forward(zeros([trialSamples, ...inputShape]))).shape)),
    );
  } catch (cause) {
    throw fault(where, expected, `an error: ${lineOf(cause)}`, cure, cause);
  }
  if (shape.length === 2 && shape[0] === trialSamples && shape[1] === classes) return;
  throw fault(where, expected, `N×${formatShape(shape.slice(1))}`, cure);
}

/** A module written in JavaScript may return anything. */
function checkTensor(output: unknown): Tensor {
  if (output instanceof Tensor) return output;
  throw new TypeError("forward(x) does not return a Tensor");
}
