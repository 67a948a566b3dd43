/**
 * What only Node can do: files.
 *
 * @module
 */
export { writeWhole } from "./files.js";
export { type Image, type ReadImageOptions, readImage } from "./image.js";
export { type ImageData, loadImageData } from "./image-data.js";
