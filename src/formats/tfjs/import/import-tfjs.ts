import type { TfjsFiles } from "../model/files.js";
import { TfjsModel } from "../model/tfjs-model.js";
import { type ImportedTfjs, importModel } from "./import-model.js";

/**
 * Imports a TF.js model, of layers or a graph, as a network to train on: with its norms frozen (`freezeNorms`),
 * recalibrated or converted. The batch stays open, unless a graph model declares it.
 *
 * Images and volumes, inputs and outputs of four or five axes, have their channels first here, (N, C, H, W), where
 * TF.js has them last; kernels, and rows of a Dense layer behind a Flatten, are brought into that order once. All else
 * keeps its axes: (N, T, C) of sequences. A model whose layers say `data_format: "channels_first"` is taken as it is.
 *
 * Layers become layers, with weights as parameters and moving statistics as those of a `BatchNorm`, whose momentum
 * means the same. A gamma that a norm lacks (`scale: false`) is 1, a beta 0. A layer that is called several times stays
 * one. Nested networks are taken apart. Of graph models, constants with axes become parameters. docs/formats.md lists
 * the layers and operators.
 *
 * @param files - model.json and its weights, float32 or quantised; not changed
 * @throws FormatError if they are damaged, or have layers, settings or operators that no layer or op here has, naming
 * every one of them
 * @example
 * ```ts
 * const layer = (class_name: string, config: object) => ({ class_name, config });
 * const dense = layer("Dense", { name: "fc", units: 1, activation: "relu", batch_input_shape: [null, 2] });
 * const files = toTfjsFiles({
 *   modelTopology: layer("Sequential", { name: "net", layers: [dense] }),
 *   weightSpecs: [
 *     { name: "fc/kernel", shape: [2, 1], dtype: "float32" },
 *     { name: "fc/bias", shape: [1], dtype: "float32" },
 *   ],
 *   weightData: new Float32Array([3, 5, 7]).buffer,
 * });
 * const { model, nodes } = await importTfjs(files);
 * model.forward(tensor([[1, 2]])).dataSync(); // Float32Array [20]
 * nodes; // { "0": "fc", "1": "fc/relu" }
 * ```
 */
export async function importTfjs(files: TfjsFiles): Promise<ImportedTfjs> {
  const where = "importTfjs(files)";
  const bytes = Object.values(files.shards).reduce((total, shard) => total + shard.length, files.model.length);
  return importModel(where, new TfjsModel(where, files), bytes, "tfjs");
}
