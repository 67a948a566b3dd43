import { readKerasModel } from "../../../node/keras-file.js";
import { checkTfjsOutput, writeTfjsFiles } from "../../../node/tfjs-files.js";
import { printResult } from "../../print/result.js";
import { formatPairs } from "../../print/table.js";

/** The flags of `repair`. */
interface RepairFlags {
  readonly output: string | undefined;
  readonly dryRun: boolean | undefined;
  readonly json: boolean | undefined;
}

/** `evenkeel repair model.keras`, or a model.json that TF.js does not load. */
export async function repairKerasFile(path: string, flags: RepairFlags): Promise<void> {
  const { output, dryRun } = flags;
  if (output !== undefined) checkTfjsOutput(output, path);
  const { files, repaired, concerns } = await readKerasModel(path);
  const target = dryRun === true || output === undefined ? null : writeTfjsFiles(output, files);
  printResult(flags, { model: path, output: target, repaired, concerns }, () => [
    ...repaired.map((what) => `repaired: ${what}`),
    ...formatPairs(concerns.map(({ node, what }) => [node, what] as const)),
    `${repaired.length} repaired, ${concerns.length} left to you`,
    ...(target === null ? [] : [`wrote ${target}`]),
  ]);
}
