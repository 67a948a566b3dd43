import { foldTfjs, type TfjsFolding } from "../../models/tfjs/fold-tfjs.js";
import { readTfjsFiles, tfjsOutput, writeTfjsFiles } from "../../node/tfjs-files.js";
import type { FoldOnnxFlags } from "../onnx/fold.js";
import { formatPairs } from "../table.js";

/** The flags of `fold` that serve TF.js models. */
export interface FoldTfjsFlags extends FoldOnnxFlags {
  readonly dequantize?: boolean;
}

/** `evenkeel fold model.json` */
export async function foldTfjsFile(path: string, flags: FoldTfjsFlags): Promise<string> {
  const { output, dryRun, json, tolerance, shape = {}, verify = true, dequantize = false } = flags;
  const folder = dryRun === true || output === undefined ? null : tfjsOutput(output, path);
  const files = readTfjsFiles(path);
  const options = { verify, dequantize, shapes: shape, ...(tolerance === undefined ? {} : { tolerance }) };
  const result = await foldTfjs(files, options);
  const target = folder === null ? null : writeTfjsFiles(folder, result.files);
  const { folded, left, verification } = result;
  const sizes = { bytesBefore: bytesOf(files), bytesAfter: bytesOf(result.files) };
  if (json === true) {
    return JSON.stringify({ model: path, output: target, folded, left, verification, ...sizes }, null, 2);
  }
  const wrote = `wrote ${target}, ${sizes.bytesAfter} bytes with its weights for ${sizes.bytesBefore}`;
  return [...describe(result), ...(target === null ? [] : [wrote])].join("\n");
}

function bytesOf({ model, shards }: TfjsFolding["files"]): number {
  return Object.values(shards).reduce((total, bytes) => total + bytes.length, model.length);
}

function describe({ folded, left, verification }: TfjsFolding): string[] {
  const lines = formatPairs([
    ...folded.map(({ norm, into }) => [norm, `into ${into}`] as const),
    ...left.map(({ norm, reason }) => [norm, `left: ${reason}`] as const),
  ]);
  lines.push(`${folded.length} folded, ${left.length} left`);
  if (verification === null) return lines;
  const { maxAbsolute, maxRelative, tolerance, shapes, runs, backend } = verification;
  const inputs = Object.entries(shapes).map(([name, shape]) => `${name} ${shape.join("×")}`);
  lines.push(
    `largest difference in TF.js on ${backend}: ${maxAbsolute.toPrecision(3)}, relative ${maxRelative.toPrecision(3)} ` +
      `(at most ${tolerance} passes; ${runs === 1 ? "1 run" : `${runs} runs`}, random ${inputs.join(", ")})`,
  );
  return lines;
}
