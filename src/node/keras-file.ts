import { type RepairedKeras, repairModel } from "../formats/keras/repair-keras.js";
import type { TfjsFiles } from "../formats/tfjs/model/files.js";
import { readBytes } from "./data/read-bytes.js";
import { isKerasPath } from "./keras-path.js";
import { readTfjsFiles } from "./tfjs-files.js";

/**
 * Reads a .keras or .h5 file, or a model.json with its weights, as what TF.js loads.
 *
 * @throws FormatError if it is damaged
 * @throws MissingPackageError if h5wasm is not installed, but for model.json
 */
export async function readKerasModel(path: string): Promise<RepairedKeras> {
  return repairModel(path, isKerasPath(path) ? readBytes(path, path) : readTfjsFiles(path));
}

/** The files of a model of layers in any of these forms, or those of a graph model as they are. */
export async function readLayersFiles(path: string): Promise<TfjsFiles> {
  if (isKerasPath(path)) return (await readKerasModel(path)).files;
  const files = readTfjsFiles(path);
  return repairModel(path, files, "as it is").then((repaired) => repaired.files);
}
