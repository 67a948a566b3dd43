import { foldOnnx, type OnnxFolding } from "../../../formats/onnx/fold/fold-onnx.js";
import { checkOnnxOutput, readWholeOnnxFile, writeOnnxFile } from "../../../node/onnx-file.js";
import type { FoldFlags } from "../../commands/fold.js";
import { describeFolding, describeVerification } from "../../print/describe-folding.js";
import { printResult } from "../../print/result.js";
import { onnxData } from "./data.js";

/** `evenkeel fold model.onnx` */
export async function foldOnnxFile(path: string, flags: FoldFlags): Promise<void> {
  const { output, dryRun, tolerance, shape = {}, verify, initializersAreConstant = false } = flags;
  const target = dryRun === true || output === undefined ? null : output;
  const source = await readWholeOnnxFile(path);
  if (target !== null) checkOnnxOutput(target, source, flags.data);
  const { files, bytes } = source;
  const inputs = flags.data === undefined ? [] : [...(await onnxData(source, flags.data, null, flags)).batches];
  const options = {
    files,
    initializersAreConstant,
    verify,
    inputs,
    shapes: shape,
    ...(tolerance === undefined ? {} : { tolerance }),
  };
  const result = await foldOnnx(bytes, options);
  if (target !== null) await writeOnnxFile(target, result.bytes, source);
  const sizes = { bytesBefore: bytes.length, bytesAfter: result.bytes.length };
  const { folded, left, verification } = result;
  printResult(flags, { model: path, output: target, folded, left, verification, ...sizes }, () => [
    ...describe(result),
    ...(target === null ? [] : [`wrote ${target}, ${sizes.bytesAfter} bytes for ${sizes.bytesBefore}`]),
  ]);
}

function describe(result: OnnxFolding): string[] {
  const lines = describeFolding(result);
  const { verification } = result;
  if (verification === null) return lines;
  return [...lines, describeVerification(verification, "onnxruntime", verification.inFloat32 ? ", as float32" : "")];
}
