/**
 * Models of Keras, in Node and in browsers: imported as networks, and made of them what TensorFlow.js loads. HDF5 is
 * read by the package h5wasm.
 *
 * @module
 */

export type { ImportedTfjs } from "../tfjs/import/import-model.js";
export type { TfjsFiles } from "../tfjs/model/files.js";
export { importKeras } from "./import-keras.js";
export { type KerasConcern, type RepairedKeras, repairKeras } from "./repair-keras.js";
