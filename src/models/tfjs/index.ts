/**
 * Models of TensorFlow.js, in Node and in browsers: read and written, what normalisations they have, and folded. It needs the package
 * @tensorflow/tfjs where models are run.
 *
 * @module
 */
export { type TfjsArtifacts, type TfjsFiles, tfjsWeightPaths, toTfjsArtifacts, toTfjsFiles } from "./files.js";
export type { TfjsQuantization, TfjsWeightSpec } from "./weights.js";
