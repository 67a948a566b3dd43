import { existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ArgumentError, DataError } from "../errors.js";
import { renameShards, type TfjsFiles, tfjsWeightPaths } from "../formats/tfjs/model/files.js";
import { contentName, isNew } from "./content-name.js";
import { readBytes } from "./data/read-bytes.js";
import { writeTogether } from "./files.js";
import { checkInside } from "./inside-folder.js";

/**
 * Reads a model.json of TF.js, and the weights beside it.
 *
 * @throws FormatError if it is none, or names a file outside its folder
 */
export function readTfjsFiles(path: string): TfjsFiles {
  const model = readBytes(path, path);
  const shards: Record<string, Uint8Array> = {};
  for (const name of tfjsWeightPaths(model)) {
    const file = checkInside(path, name);
    if (existsSync(file)) shards[name] = readBytes(file, file);
  }
  return { model, shards };
}

/** How files of weights are named that Evenkeel writes. */
const ownShard = /^group\d+-shard\d+of\d+-[0-9a-f]{16}\.bin$/;

/**
 * Writes model.json and weights, together or not at all. Weights are named by their place and content, so that no file
 * is written over.
 *
 * @param output - a folder, or the model.json in one
 * @returns the path of model.json
 * @throws DataError if only the folder is named and holds a model.json that Evenkeel did not write, or a name of its
 * weights is taken
 */
export function writeTfjsFiles(output: string, files: TfjsFiles): string {
  const folder = tfjsFolder(output);
  const path = join(folder, "model.json");
  if (basename(output) !== "model.json" && existsSync(path) && !isOwnModel(path)) {
    throw new DataError({
      where: output,
      expected: "a folder without a model.json, or with one that Evenkeel wrote",
      received: "a model.json of somebody else",
      cure: `Name another folder, or the file, to write over it: ${path}.`,
    });
  }
  const { model, shards } = renameShards(path, files, ({ group, shard, of }, bytes) =>
    contentName(`group${group}-shard${shard}of${of}-`, bytes, ".bin"),
  );
  const weights = Object.entries(shards).map(([name, bytes]) => [join(folder, name), bytes] as const);
  writeTogether([...weights.filter(isNew), [path, model]]);
  return path;
}

/** Whether a model.json names weights as Evenkeel does, or says that it was exported by it. */
function isOwnModel(path: string): boolean {
  try {
    const model = readBytes(path, path);
    const { generatedBy } = JSON.parse(new TextDecoder().decode(model));
    const names = tfjsWeightPaths(model);
    return /^evenkeel /.test(generatedBy) || (names.length > 0 && names.every((name) => ownShard.test(name)));
  } catch {
    return false;
  }
}

/**
 * The folder that an output names: itself, or the one of its model.json.
 *
 * @throws ArgumentError if it names another file
 */
export function tfjsFolder(output: string): string {
  const folder = basename(output) === "model.json" ? dirname(output) : output;
  const isFolder = existsSync(folder) ? statSync(folder).isDirectory() : !folder.endsWith(".json");
  if (isFolder) return folder;
  throw new ArgumentError({
    where: output,
    expected: "a folder, or model.json in one",
    received: "another file",
    cure: "Name a folder, which gets model.json and its weights.",
  });
}

/**
 * @throws ArgumentError if an output is the folder of the model that it is made of, or names a file that is no
 * model.json
 */
export function checkTfjsOutput(output: string, input: string): void {
  const folder = tfjsFolder(output);
  const real = (one: string): string => (existsSync(one) ? realpathSync(one) : resolve(one));
  if (real(folder) !== real(dirname(input))) return;
  throw new ArgumentError({
    where: output,
    expected: "another folder than that of the model that is read",
    received: "the same",
    cure: "Name a new folder, which gets model.json and its weights; models are never changed in place.",
  });
}
