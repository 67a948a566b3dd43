/**
 * What only Node can do: files.
 *
 * @module
 */
export { AppendLog } from "./append-log.js";
export { checkpointFile } from "./checkpoint-file.js";
export { writeWhole } from "./files.js";
export { type Image, type ReadImageOptions, readImage } from "./image.js";
export { type ImageData, type LoadImageDataOptions, loadImageData } from "./image-data.js";
export { type BuildNetwork, loadNetwork, recordNetwork } from "./load-network.js";
export { type LoadRunOptions, loadRun, type Run } from "./load-run.js";
export { loadImages } from "./model-inputs.js";
