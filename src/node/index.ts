/**
 * What only Node can do: files.
 *
 * @module evenkeel/node
 */
export type { SampleOrigin } from "../data/sample-origin.js";
export { AppendLog } from "./append-log.js";
export { checkpointFile } from "./checkpoint-file.js";
export {
  type ClassificationData,
  type DataFacts,
  type DataParts,
  type LoadDataOptions,
  type LoadedData,
  loadData,
  type RegressionData,
} from "./data/load-data.js";
export {
  type ClassificationForModel,
  type DataForModel,
  type DataPart,
  type InputsForModel,
  type LoadDataAsOptions,
  loadDataAs,
  loadInputsAs,
  type ModelDataFacts,
  type RegressionForModel,
} from "./data/load-data-as.js";
export type { ReadOptions } from "./data/source.js";
export { writeWhole } from "./files.js";
export { type Image, type ReadImageOptions, readImage } from "./image.js";
export { type BuildNetwork, loadNetwork, recordNetwork } from "./load-network.js";
export { type LoadRunOptions, loadRun, type Run } from "./load-run.js";
export { type ExportedNetwork, loadRunExport, type RunExport } from "./load-run-export.js";
export { loadImages } from "./model-inputs.js";
export { type TensorboardLog, tensorboardLog } from "./tensorboard-log.js";
