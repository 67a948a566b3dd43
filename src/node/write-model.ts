import { existsSync, realpathSync } from "node:fs";
import { dirname, extname, join, relative, resolve, sep } from "node:path";
import { DataError } from "../errors.js";
import { type ModelMeta, saveModel } from "../formats/model-file/save-model.js";
import type { Module } from "../nn/module.js";
import { writeWhole } from "./files.js";
import type { Run } from "./load-run.js";

/**
 * Writes what was made of a run's model, with the run's meta, beside or elsewhere; never over it.
 *
 * @param output - a .safetensors file, or a folder, which gets `model.safetensors`
 * @param run - what the model was made of
 * @returns the file's path
 * @throws DataError if the output is the run's own file
 */
export function writeModel(output: string, model: Module, run: Run): string {
  const file = extname(output) === ".safetensors" ? output : join(output, "model.safetensors");
  if (existsSync(file) && realpathSync(file) === realpathSync(run.file)) {
    throw new DataError({
      where: output,
      expected: "another place than the model's own",
      received: run.file,
      cure: "Name another file or folder.",
    });
  }
  writeWhole(file, saveModel(model, movedMeta(run, file)));
  return file;
}

/** The meta of a run, for a file elsewhere: the network's module is named relative to it. */
function movedMeta({ meta, file }: Run, target: string): ModelMeta {
  const { network } = meta;
  if (network === undefined || !/^\.|[\\/]/.test(network.from)) return meta;
  const from = relative(dirname(resolve(target)), resolve(dirname(file), network.from))
    .split(sep)
    .join("/");
  return { ...meta, network: { ...network, from } };
}
