import { repairOnnx } from "../../../formats/onnx/inspect/repair-onnx.js";
import { checkOutput, readWholeOnnxFile, writeOnnxFile } from "../../../node/onnx-file.js";
import { formatPairs } from "../../print/table.js";

/** The flags of `repair`. */
export interface RepairFlags {
  readonly output?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** `evenkeel repair model.onnx` */
export async function repairOnnxFile(path: string, { output, dryRun, json }: RepairFlags): Promise<string> {
  const target = dryRun === true || output === undefined ? null : output;
  if (target !== null) checkOutput(target, path);
  const source = await readWholeOnnxFile(path);
  const { bytes, repaired, concerns } = await repairOnnx(source.bytes, source);
  if (target !== null) await writeOnnxFile(target, bytes, source);
  if (json === true) return JSON.stringify({ model: path, output: target, repaired, concerns }, null, 2);
  const lines = formatPairs([
    ...repaired.map(({ node, what }) => [node, `repaired: ${what}`] as const),
    ...concerns.map(({ node, what }) => [node, what] as const),
  ]);
  lines.push(`${repaired.length} repaired, ${concerns.length} left to you`);
  if (target !== null) lines.push(`wrote ${target}`);
  return lines.join("\n");
}
