import { foldOnnx, type OnnxFolding } from "../../../formats/onnx/fold/fold-onnx.js";
import type { ForeignInputOptions } from "../../../node/data/load-foreign-inputs.js";
import { checkOutput, readWholeOnnxFile, writeOnnxFile } from "../../../node/onnx-file.js";
import { describeFolding, describeVerification } from "../../folding.js";
import { onnxData } from "./data.js";
import type { NamedShapes } from "./shapes.js";

/** The flags of `fold` that serve ONNX files. */
export interface FoldOnnxFlags extends ForeignInputOptions {
  readonly data?: string;
  readonly output?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly tolerance?: number;
  readonly shape?: NamedShapes;
  readonly verify?: boolean;
}

/** `evenkeel fold model.onnx` */
export async function foldOnnxFile(path: string, flags: FoldOnnxFlags): Promise<string> {
  const { output, dryRun, json, tolerance, shape = {}, verify = true } = flags;
  const target = dryRun === true || output === undefined ? null : output;
  if (target !== null) checkOutput(target, path);
  const source = await readWholeOnnxFile(path);
  const { files, bytes } = source;
  const inputs = flags.data === undefined ? [] : [...(await onnxData(source, flags.data, null, flags)).batches];
  const options = { files, verify, inputs, shapes: shape, ...(tolerance === undefined ? {} : { tolerance }) };
  const result = await foldOnnx(bytes, options);
  if (target !== null) await writeOnnxFile(target, result.bytes, source);
  const sizes = { bytesBefore: bytes.length, bytesAfter: result.bytes.length };
  const { folded, left, verification } = result;
  if (json === true)
    return JSON.stringify({ model: path, output: target, folded, left, verification, ...sizes }, null, 2);
  return [
    ...describe(result),
    ...(target === null ? [] : [`wrote ${target}, ${sizes.bytesAfter} bytes for ${sizes.bytesBefore}`]),
  ].join("\n");
}

function describe(result: OnnxFolding): string[] {
  const lines = describeFolding(result);
  const { verification } = result;
  if (verification === null) return lines;
  return [...lines, describeVerification(verification, "onnxruntime", verification.inFloat32 ? ", as float32" : "")];
}
