import { isKerasPath } from "../node/keras-path.js";

/** Whether a path names an ONNX model. */
export function isOnnx(path: string): boolean {
  return path.toLowerCase().endsWith(".onnx");
}

/**
 * Whether a path names a model.json of TF.js, or a model of Keras, which becomes one. What is neither this nor ONNX is
 * taken to be a run.
 */
export function isTfjs(path: string): boolean {
  return path.toLowerCase().endsWith(".json") || isKerasPath(path);
}
