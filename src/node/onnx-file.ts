import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { ArgumentError, FormatError } from "../errors.js";
import { onnxExternalFiles } from "../models/onnx/external-locations.js";
import type { ExternalFiles } from "../models/onnx/tensor-values.js";
import { writeWhole } from "./files.js";

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
 * @throws FormatError if it is none, or names a file outside its folder
 */
export async function readOnnxFile(path: string): Promise<OnnxFile> {
  const bytes = readFileSync(path);
  const files: Record<string, Uint8Array> = {};
  for (const location of await onnxExternalFiles(path, bytes)) {
    const file = checkInside(path, location);
    if (existsSync(file)) files[location] = readFileSync(file);
  }
  return { path, bytes, files };
}

function checkInside(path: string, location: string): string {
  const folder = realpathSync(dirname(path));
  const file = resolve(folder, location);
  // A link may lead out of the folder, too.
  for (const target of existsSync(file) ? [file, realpathSync(file)] : [file]) {
    const way = relative(folder, target);
    if (way === "" || way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way) || isAbsolute(location)) {
      throw new FormatError({
        where: path,
        expected: "tensors in files of its own folder",
        received: JSON.stringify(location),
        cure: "A model from elsewhere must not choose what is read: move the file beside it.",
      });
    }
  }
  return file;
}

/** Writes a model made from another one, with the files beside that one which it still names. @throws ArgumentError if it would overwrite it */
export function writeOnnxFile(path: string, bytes: Uint8Array, from: OnnxFile): void {
  checkOutput(path, from.path);
  const names = Object.keys(from.files);
  if (resolve(dirname(path)) !== resolve(dirname(from.path))) {
    for (const name of names) {
      const target = join(dirname(path), name);
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(join(dirname(from.path), name), target);
    }
  }
  writeWhole(path, bytes);
}

/** @throws ArgumentError if the output is the input */
export function checkOutput(path: string, input: string): void {
  const real = (one: string): string => (existsSync(one) ? realpathSync(one) : resolve(one));
  if (real(path) !== real(input)) return;
  throw new ArgumentError({
    where: `--output ${path}`,
    expected: "another file than the model that is read",
    received: "the same",
    cure: "Name a new file; models are never changed in place.",
  });
}
