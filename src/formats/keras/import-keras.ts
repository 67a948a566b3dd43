import { type ImportedTfjs, importModel } from "../tfjs/import/import-model.js";
import type { TfjsFiles } from "../tfjs/model/files.js";
import { TfjsModel } from "../tfjs/model/tfjs-model.js";
import { dialectOf, type ReadKeras, readKerasFile } from "./file/read-keras.js";

/**
 * Imports a Keras model as a network to train on, as `importTfjs` does: images and volumes have their channels first
 * here.
 *
 * It reads what `model.save` writes: Keras 3's .keras (a zip of config.json and model.weights.h5), a whole model in an
 * .h5 file of Keras 2 or 3, and a `model.json` with its weights, as converters write it of Keras 3 too, which TF.js
 * does not load. Sequential and Functional models are imported, and such inside of others; layers are those of
 * docs/formats.md. Numbers become float32. Nothing that a file names is run: a Lambda is refused, and so is a link to
 * another file.
 *
 * @param file - the bytes of a .keras or .h5 file, or model.json with its weights; not changed
 * @throws FormatError if it is damaged, or has layers or settings that no layer or op here has, naming every one of
 * them
 * @throws MissingPackageError if h5wasm is not installed, but for model.json
 * @example
 * ```ts
 * const layer = (class_name: string, config: object) => ({ module: "keras.layers", class_name, config });
 * const dtype = { class_name: "DTypePolicy", config: { name: "float32" } };
 * const layers = [
 *   layer("InputLayer", { name: "x", batch_shape: [null, 2], dtype: "float32" }),
 *   layer("Dense", { name: "fc", units: 1, activation: "relu", dtype }),
 * ];
 * const model_config = { class_name: "Sequential", config: { name: "net", layers } };
 * const files = toTfjsFiles({
 *   modelTopology: { keras_version: "3.5.0", model_config },
 *   weightSpecs: [
 *     { name: "net/fc/kernel", shape: [2, 1], dtype: "float32" },
 *     { name: "net/fc/bias", shape: [1], dtype: "float32" },
 *   ],
 *   weightData: new Float32Array([3, 5, 7]).buffer,
 * });
 * const { model } = await importKeras(files);
 * model.forward(tensor([[1, 2]])).dataSync(); // Float32Array [20]
 * ```
 */
export async function importKeras(file: Uint8Array | TfjsFiles): Promise<ImportedTfjs> {
  const where = "importKeras(file)";
  const { files, dialect } = await readKeras(where, file);
  return importModel(where, new TfjsModel(where, files), sizeOf(file), dialect);
}

/** What any of the forms in which Keras models lie in files comes to. */
async function readKeras(where: string, file: Uint8Array | TfjsFiles): Promise<Pick<ReadKeras, "files" | "dialect">> {
  if (file instanceof Uint8Array) return readKerasFile(where, file);
  return { files: file, dialect: dialectOf(new TfjsModel(where, file).kerasVersion ?? "2") };
}

function sizeOf(file: Uint8Array | TfjsFiles): number {
  if (file instanceof Uint8Array) return file.length;
  return Object.values(file.shards).reduce((total, shard) => total + shard.length, file.model.length);
}
