/**
 * Models of TensorFlow.js, in Node and in browsers: read and written, what normalisations they have, folded, made of
 * networks, and imported as networks. It needs the package
 * @tensorflow/tfjs where models are run.
 *
 * @module evenkeel/tfjs
 */
export type { FoldedNorm, LeftNorm } from "../../graph/fold/fold-batch-norm.js";
export type { DeclaredInput, ModelArray, ModelArrays } from "../foreign/arrays.js";
export type { InspectedNorm, ParameterRange } from "../foreign/inspected-norm.js";
export type { TfjsExportable } from "./export/export-layers.js";
export { type ExportTfjsOptions, exportTfjs, type TfjsEnds } from "./export/export-tfjs.js";
export type { TfjsOrder, TfjsValue } from "./export/tfjs-value.js";
export type { TfjsLayerOptions, TfjsWeight, TfjsWriter } from "./export/tfjs-writer.js";
export { type TfjsExportVerification, type VerifyTfjsExportOptions, verifyTfjsExport } from "./export/verify-export.js";
export { type FoldTfjsOptions, foldTfjs, type TfjsFolding } from "./fold/fold-tfjs.js";
export type { TfjsVerification, VerifyTfjsOptions } from "./fold/verify.js";
export type { ImportedTfjs } from "./import/import-model.js";
export { importTfjs } from "./import/import-tfjs.js";
export { inspectTfjs, type TfjsInspection } from "./inspect-tfjs.js";
export { type TfjsArtifacts, type TfjsFiles, tfjsWeightPaths, toTfjsArtifacts, toTfjsFiles } from "./model/files.js";
export type { TfjsQuantization, TfjsWeightSpec } from "./model/weights.js";
export type { TensorFlow, TensorFlowLayer, TensorFlowModel, TensorFlowSymbol, TensorFlowTensor } from "./tensorflow.js";
