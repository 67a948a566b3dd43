/**
 * ONNX models, in Node and in browsers: what normalisations they have, folded, repaired and recalibrated. It needs the packages
 * onnx-buf and @bufbuild/protobuf, and onnxruntime-web where models are run.
 *
 * @module
 */
export type { ParameterRange } from "../norm-statistics.js";
export {
  type FoldedOnnxNorm,
  type FoldOnnxOptions,
  foldOnnx,
  type LeftOnnxNorm,
  type OnnxFolding,
} from "./fold-onnx.js";
export { inspectOnnx, type OnnxInspection, type OnnxNorm } from "./inspect-onnx.js";
export {
  type OnnxDrift,
  type OnnxRecalibration,
  type RecalibrateOnnxOptions,
  recalibrateOnnx,
} from "./recalibrate-onnx.js";
export { type OnnxRemark, type OnnxRepair, repairOnnx } from "./repair-onnx.js";
export type { OnnxArray, OnnxArrays } from "./runtime.js";
export type { ExternalFiles } from "./tensor-values.js";
export type { OnnxVerification, VerifyOptions } from "./verify.js";
