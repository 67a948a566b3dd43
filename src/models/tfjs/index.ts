/**
 * Models of TensorFlow.js, in Node and in browsers: read and written, what normalisations they have, and folded. It needs the package
 * @tensorflow/tfjs where models are run.
 *
 * @module
 */
export type { ParameterRange } from "../norm-statistics.js";
export { type TfjsArtifacts, type TfjsFiles, tfjsWeightPaths, toTfjsArtifacts, toTfjsFiles } from "./files.js";
export {
  type FoldedTfjsNorm,
  type FoldTfjsOptions,
  foldTfjs,
  type LeftTfjsNorm,
  type TfjsFolding,
} from "./fold-tfjs.js";
export { inspectTfjs, type TfjsInspection, type TfjsNorm } from "./inspect-tfjs.js";
export type { TensorFlow, TensorFlowLayer, TensorFlowModel, TensorFlowSymbol, TensorFlowTensor } from "./tensorflow.js";
export type { TfjsArray, TfjsVerification, VerifyTfjsOptions } from "./verify.js";
export type { TfjsQuantization, TfjsWeightSpec } from "./weights.js";
