import { repairOnnx } from "../../../formats/onnx/inspect/repair-onnx.js";
import { checkOnnxOutput, readWholeOnnxFile, writeOnnxFile } from "../../../node/onnx-file.js";
import { printResult } from "../../print/result.js";
import { formatPairs } from "../../print/table.js";

/** The flags of `repair`. */
interface RepairFlags {
  readonly output: string | undefined;
  readonly dryRun: boolean | undefined;
  readonly json: boolean | undefined;
}

/** `evenkeel repair model.onnx` */
export async function repairOnnxFile(path: string, flags: RepairFlags): Promise<void> {
  const { output, dryRun } = flags;
  const target = dryRun === true || output === undefined ? null : output;
  const source = await readWholeOnnxFile(path);
  if (target !== null) checkOnnxOutput(target, source);
  const { bytes, repaired, concerns } = await repairOnnx(source.bytes, { files: source.files });
  if (target !== null) await writeOnnxFile(target, bytes, source);
  printResult(flags, { model: path, output: target, repaired, concerns }, () => [
    ...formatPairs([
      ...repaired.map(({ node, what }) => [node, `repaired: ${what}`] as const),
      ...concerns.map(({ node, what }) => [node, what] as const),
    ]),
    `${repaired.length} repaired, ${concerns.length} left to you`,
    ...(target === null ? [] : [`wrote ${target}`]),
  ]);
}
