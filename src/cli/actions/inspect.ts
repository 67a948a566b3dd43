import type { InspectFlags } from "../commands/inspect.js";
import { checkOnnxFlags } from "../flags/foreign-flags.js";
import { isOnnx, isTfjs } from "../model-kind.js";

/** What `evenkeel inspect` does. */
export async function inspect(path: string, given: InspectFlags): Promise<void> {
  if (isOnnx(path)) return (await import("./onnx/inspect.js")).inspectOnnxFile(path, given);
  checkOnnxFlags(path, given);
  if (isTfjs(path)) return (await import("./tfjs/inspect.js")).inspectTfjsFile(path, given);
  return (await import("./inspect-run.js")).inspectRun(path, given);
}
