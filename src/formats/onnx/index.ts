/**
 * ONNX models, in Node and in browsers: made of networks, and what normalisations others have, folded, repaired and
 * recalibrated. It needs the packages onnx-buf and @bufbuild/protobuf, and onnxruntime-web where models are run.
 *
 * @module evenkeel/onnx
 */

export type { FoldedNorm, LeftNorm } from "../../graph/fold/fold-batch-norm.js";
export type { Drift } from "../../graph/statistics/channel-statistics.js";
export type { RecalibratedNorm, RecalibrateMode, RecalibrateProgress } from "../../graph/statistics/recalibrate.js";
export type { DeclaredInput, ModelArray, ModelArrays } from "../foreign/arrays.js";
export type { ExportVerification as OnnxExportVerification, VerifyOptions } from "../foreign/comparison.js";
export type { InspectedNorm, ParameterRange } from "../foreign/inspected-norm.js";
export type { OnnxExportable } from "./export/export-layers.js";
export { type ExportOnnxOptions, exportOnnx } from "./export/export-onnx.js";
export type { OnnxAttributes, OnnxReal, OnnxShape, OnnxType, OnnxValue, OnnxWriter } from "./export/onnx-writer.js";
export { type VerifyOnnxExportOptions, verifyOnnxExport } from "./export/verify-export.js";
export type { ExternalFiles } from "./file/tensor-values.js";
export { type FoldOnnxOptions, foldOnnx, type OnnxFolding } from "./fold/fold-onnx.js";
export type { OnnxVerification } from "./fold/verify.js";
export type { ReadOnnxOptions } from "./graph/onnx-model.js";
export { type ImportedOnnx, type ImportOnnxOptions, importOnnx } from "./import/import-onnx.js";
export { inspectOnnx, type OnnxInspection } from "./inspect/inspect-onnx.js";
export { type OnnxRemark, type OnnxRepair, repairOnnx } from "./inspect/repair-onnx.js";
export {
  type OnnxRecalibration,
  type RecalibrateOnnxOptions,
  recalibrateOnnx,
} from "./recalibrate/recalibrate-onnx.js";
