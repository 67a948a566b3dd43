/** Whether a path names an ONNX model; all else is taken to be a run. */
export function isOnnx(path: string): boolean {
  return path.toLowerCase().endsWith(".onnx");
}
