import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DataError } from "../errors.js";
import type { ExternalFiles } from "../formats/onnx/file/tensor-values.js";
import { gatherExternalData, onnxExternalFiles } from "../formats/onnx/graph/external-data.js";
import { checkOutput } from "./check-output.js";
import { contentName, isNew } from "./content-name.js";
import { readBytes } from "./data/read-bytes.js";
import { behindLink, writeTogether } from "./files.js";
import { checkInside } from "./inside-folder.js";

/** An ONNX model and the files beside it in which it keeps tensors. */
export interface OnnxFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** By the name the model gives them; those that are there. */
  readonly files: ExternalFiles;
  /** The names of those that are not. */
  readonly missing: readonly string[];
}

/**
 * Reads an ONNX model, and the files in its folder, or below it, in which it keeps tensors.
 *
 * @throws DataError if it cannot be read
 * @throws FormatError if it is none, or names a file outside its folder
 */
export async function readOnnxFile(path: string): Promise<OnnxFile> {
  const bytes = readBytes(path, path);
  const files: Record<string, Uint8Array> = {};
  const missing: string[] = [];
  for (const location of await onnxExternalFiles(path, bytes)) {
    const file = checkInside(path, location);
    if (existsSync(file)) files[location] = readBytes(file, file);
    else missing.push(location);
  }
  return { path, bytes, files, missing };
}

/** The same, for a model that is made of another. @throws DataError if a file is missing */
export async function readWholeOnnxFile(path: string): Promise<OnnxFile> {
  const file = await readOnnxFile(path);
  if (file.missing.length === 0) return file;
  throw new DataError({
    where: path,
    expected: "the files in which it keeps tensors beside it",
    received: `none of the name ${file.missing.map((name) => JSON.stringify(name)).join(", ")}`,
    cure: "Put them there, as they were downloaded or exported: no model is written without its weights.",
  });
}

/**
 * Writes a model made from another one. What that keeps in other files goes into one of its own, named after the model
 * and its content: no file is written over, and a reader never sees the one model with the other's weights.
 *
 * @throws ArgumentError if it would overwrite the other one, or a file of its tensors
 * @throws DataError if the name of its data is taken
 */
export async function writeOnnxFile(output: string, bytes: Uint8Array, from: OnnxFile): Promise<void> {
  checkOnnxOutput(output, from);
  const path = behindLink(output);
  const nameOf = (data: Uint8Array): string => contentName(`${basename(path)}.`, data, ".data");
  const moved = await gatherExternalData(from.path, bytes, from.files, nameOf);
  const data = moved.data === null ? [] : [[join(dirname(path), nameOf(moved.data)), moved.data] as const];
  writeTogether([...data.filter(isNew), [path, moved.bytes]]);
}

/**
 * Checks that a model may be written, made of another one and of data.
 *
 * @throws ArgumentError if the output is one of their files, a file of another kind, or a folder
 */
export function checkOnnxOutput(path: string, { path: model, files }: OnnxFile, data?: string): void {
  const beside = Object.keys(files).map((name) => join(dirname(model), name));
  checkOutput(path, ".onnx", [model, ...beside, ...(data === undefined ? [] : [data])]);
}
