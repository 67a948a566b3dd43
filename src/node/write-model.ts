import { existsSync, realpathSync, statSync } from "node:fs";
import { dirname, extname, join, relative, resolve, sep } from "node:path";
import { DataError } from "../errors.js";
import { type ModelMeta, saveModel } from "../formats/model-file/save-model.js";
import type { Module } from "../nn/module.js";
import { behindLink, writeWhole } from "./files.js";
import type { Run } from "./load-run.js";
import { checkOwn } from "./own-files.js";

/**
 * Writes what was made of a run's model, with the run's meta, beside or elsewhere; never over it.
 *
 * @param output - a .safetensors file, or a folder, which gets `model.safetensors`
 * @param run - what the model was made of
 * @returns the file's path
 * @throws DataError as {@link checkModelOutput}
 */
export function writeModel(output: string, model: Module, run: Run): string {
  const file = checkModelOutput(output, run);
  writeWhole(file, saveModel(model, movedMeta(run, file)));
  return file;
}

/**
 * The file that an output stands for, checked before it is worked for.
 *
 * @throws DataError if it is the run's own file, a file where a folder belongs or the other way round, or that of a
 * folder with a model.safetensors that Evenkeel did not write
 */
export function checkModelOutput(output: string, run: Run): string {
  const isNamed = extname(output) === ".safetensors";
  const found = statSync(output, { throwIfNoEntry: false });
  if (found !== undefined && found.isDirectory() === isNamed) {
    throw new DataError({
      where: output,
      expected: isNamed ? "a file" : "a folder, or a .safetensors file",
      received: isNamed ? "a folder" : "another file",
      cure: "Name another place.",
    });
  }
  const file = isNamed ? behindLink(output) : join(output, "model.safetensors");
  if (existsSync(file) && realpathSync(file) === realpathSync(run.file)) {
    throw new DataError({
      where: output,
      expected: "another place than the model's own",
      received: run.file,
      cure: "Name another file or folder.",
    });
  }
  if (!isNamed) checkOwn(file, `name the file, to write over it: ${file}`);
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
