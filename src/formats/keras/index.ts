/**
 * Models of Keras, in Node and in browsers: imported as networks, and made of them what TensorFlow.js loads. HDF5 is
 * read by the package h5wasm.
 *
 * @module
 */
export type { TfjsFiles } from "../tfjs/files.js";
export type { ImportedTfjs } from "../tfjs/import/import-model.js";
export { importKeras } from "./import-keras.js";
export { type KerasConcern, type RepairedKeras, repairKeras } from "./repair-keras.js";
