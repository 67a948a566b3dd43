/**
 * What only Node can do: files.
 *
 * @module
 */
export { writeWhole } from "./files.js";
export { type ImageData, loadImageData } from "./image-data.js";
