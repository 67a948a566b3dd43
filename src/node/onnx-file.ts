import { copyFileSync, existsSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ArgumentError } from "../errors.js";
import type { ExternalFiles } from "../formats/onnx/file/tensor-values.js";
import { onnxExternalFiles } from "../formats/onnx/graph/external-locations.js";
import { readBytes } from "./data/read-bytes.js";
import { makeFolder, writeWhole } from "./files.js";
import { checkInside } from "./inside-folder.js";

/** An ONNX model and the files beside it in which it keeps tensors. */
export interface OnnxFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** By the name the model gives them; those that are there. */
  readonly files: ExternalFiles;
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
  for (const location of await onnxExternalFiles(path, bytes)) {
    const file = checkInside(path, location);
    if (existsSync(file)) files[location] = readBytes(file, file);
  }
  return { path, bytes, files };
}

/** Writes a model made from another one, with the files beside that one which it still names. @throws ArgumentError if it would overwrite it */
export function writeOnnxFile(path: string, bytes: Uint8Array, from: OnnxFile): void {
  checkOutput(path, from.path);
  const names = Object.keys(from.files);
  if (resolve(dirname(path)) !== resolve(dirname(from.path))) {
    for (const name of names) {
      const target = join(dirname(path), name);
      makeFolder(dirname(target));
      copyFileSync(join(dirname(from.path), name), target);
    }
  }
  writeWhole(path, bytes);
}

/** @throws ArgumentError if the output is the input, or a folder */
export function checkOutput(path: string, input: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    const cure = "Name a file in it, such as model.onnx.";
    throw new ArgumentError({ where: path, expected: "a file", received: "a folder", cure });
  }
  const real = (one: string): string => (existsSync(one) ? realpathSync(one) : resolve(one));
  if (real(path) !== real(input)) return;
  throw new ArgumentError({
    where: path,
    expected: "another file than the model that is read",
    received: "the same",
    cure: "Name a new file; models are never changed in place.",
  });
}
