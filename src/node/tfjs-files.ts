import { existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ArgumentError } from "../errors.js";
import { type TfjsFiles, tfjsWeightPaths } from "../formats/tfjs/files.js";
import { readBytes } from "./data/read-bytes.js";
import { writeTogether } from "./files.js";
import { checkInside } from "./inside-folder.js";

/** Reads a model.json of TF.js, and the weights beside it. @throws FormatError if it is none, or names a file outside its folder */
export function readTfjsFiles(path: string): TfjsFiles {
  const model = readBytes(path, path);
  const shards: Record<string, Uint8Array> = {};
  for (const name of tfjsWeightPaths(model)) {
    const file = checkInside(path, name);
    if (existsSync(file)) shards[name] = readBytes(file, file);
  }
  return { model, shards };
}

/** Writes model.json and weights into a folder, together or not at all. @returns the path of model.json */
export function writeTfjsFiles(folder: string, { model, shards }: TfjsFiles): string {
  const path = join(folder, "model.json");
  const weights = Object.entries(shards).map(([name, bytes]) => [join(folder, name), bytes] as const);
  writeTogether([...weights, [path, model]]);
  return path;
}

/** The folder that an output names: itself, or the one of its model.json. @throws ArgumentError if it names another file */
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

/** The same, for a model that is made of another. @throws ArgumentError if it is that model's folder */
export function tfjsOutput(output: string, input: string): string {
  const folder = tfjsFolder(output);
  const real = (one: string): string => (existsSync(one) ? realpathSync(one) : resolve(one));
  if (real(folder) !== real(dirname(input))) return folder;
  throw new ArgumentError({
    where: output,
    expected: "another folder than that of the model that is read",
    received: "the same",
    cure: "Name a new folder, which gets model.json and its weights; models are never changed in place.",
  });
}
