import type { ModelArrays } from "../../../formats/foreign/arrays.js";
import { foldTfjs, type TfjsFolding } from "../../../formats/tfjs/fold/fold-tfjs.js";
import { inspectTfjs } from "../../../formats/tfjs/inspect-tfjs.js";
import type { TfjsFiles } from "../../../formats/tfjs/model/files.js";
import { readLayersFiles } from "../../../node/keras-file.js";
import { checkTfjsOutput, writeTfjsFiles } from "../../../node/tfjs-files.js";
import type { FoldFlags } from "../../commands/fold.js";
import { foreignData } from "../../foreign-data.js";
import { describeFolding, describeVerification } from "../../print/describe-folding.js";
import { printResult } from "../../print/result.js";

/** `evenkeel fold model.json`, or `model.keras`, of which a model.json is made. */
export async function foldTfjsFile(path: string, flags: FoldFlags): Promise<void> {
  const { output, dryRun, tolerance, shape = {}, verify, dequantize = false } = flags;
  if (output !== undefined) checkTfjsOutput(output, path);
  const files = await readLayersFiles(path);
  const options = {
    verify,
    dequantize,
    inputs: await inputsOf(path, files, flags),
    shapes: shape,
    ...(tolerance === undefined ? {} : { tolerance }),
  };
  const result = await foldTfjs(files, options);
  const target = dryRun === true || output === undefined ? null : writeTfjsFiles(output, result.files);
  const { folded, left, verification } = result;
  const sizes = { bytesBefore: bytesOf(files), bytesAfter: bytesOf(result.files) };
  printResult(flags, { model: path, output: target, folded, left, verification, ...sizes }, () => [
    ...describe(result),
    ...(target === null
      ? []
      : [`wrote ${target}, ${sizes.bytesAfter} bytes with its weights for ${sizes.bytesBefore}`]),
  ]);
}

/** Data as inputs of the model; none where none are given. */
async function inputsOf(path: string, files: TfjsFiles, flags: FoldFlags): Promise<ModelArrays[]> {
  if (flags.data === undefined) return [];
  const { inputs } = inspectTfjs(files);
  const cure = "Pass its inputs in code: foldTfjs(files, { inputs }).";
  return [...(await foreignData({ path, inputs, cure }, flags.data, null, flags)).batches];
}

function bytesOf({ model, shards }: TfjsFolding["files"]): number {
  return Object.values(shards).reduce((total, bytes) => total + bytes.length, model.length);
}

function describe(result: TfjsFolding): string[] {
  const lines = describeFolding(result);
  const { verification } = result;
  return verification === null
    ? lines
    : [...lines, describeVerification(verification, `TF.js on ${verification.backend}`)];
}
