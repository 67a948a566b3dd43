import { existsSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { ArgumentError, DataError, MissingPackageError } from "../../errors.js";
import type { ExportVerification } from "../../formats/foreign/comparison.js";
import { describeArchitecture } from "../../formats/model-file/architecture.js";
import type { ModelMeta } from "../../formats/model-file/save-model.js";
import { exportOnnx } from "../../formats/onnx/export/export-onnx.js";
import { verifyOnnxExport } from "../../formats/onnx/export/verify-export.js";
import { exportTfjs } from "../../formats/tfjs/export/export-tfjs.js";
import { verifyTfjsExport } from "../../formats/tfjs/export/verify-export.js";
import { type FoldedModel, foldBatchNorm } from "../../graph/fold/fold-batch-norm.js";
import type { Module } from "../../nn/module.js";
import { behindLink, writeWhole } from "../../node/files.js";
import type { Run } from "../../node/load-run.js";
import { inputShapeOf } from "../../node/model-inputs.js";
import { readTfjsFiles, tfjsFolder, writeTfjsFiles } from "../../node/tfjs-files.js";
import { writeModel } from "../../node/write-model.js";
import type { ExportFlags } from "../commands/export.js";
import { openModel } from "../open-model.js";
import { printResult } from "../print/result.js";

/** What `evenkeel export` does. */
export async function exportRun(path: string, given: ExportFlags): Promise<void> {
  checkFlags(given);
  const run = await openModel(path, given);
  run.model.eval();
  const { model, folded, left } = given.fold === true ? foldBatchNorm(run.model) : unfolded(run.model);
  const verification = await writers[given.to](model, run, given);
  const { to, output } = given;
  printResult(given, { model: run.file, to, output, folded, left, verification }, () => [
    ...left.map(({ norm, reason }) => `${norm} not folded: ${reason}`),
    ...(given.fold === true ? [`${folded.length} folded, ${left.length} left`] : []),
    ...(verification === null ? [] : [describe(verification, to)]),
    ...(to !== "safetensors" && verification === null ? [`not verified in ${engines[to]}`] : []),
    wrote(given),
  ]);
}

function unfolded(model: Module): Pick<FoldedModel, "model" | "folded" | "left"> {
  return { model, folded: [], left: [] };
}

/**
 * Each writes a model, once it has run where it is to be run; null if it was not asked to, or what runs it is not
 * installed.
 */
type Writer = (model: Module, run: Run, flags: ExportFlags) => Promise<ExportVerification | null>;

const writers: Readonly<Record<ExportFlags["to"], Writer>> = {
  onnx: writeOnnx,
  tfjs: writeTfjs,
  safetensors: writeState,
};
const engines = { onnx: "onnxruntime", tfjs: "TF.js", safetensors: "Evenkeel" } as const;

function checkFlags(given: ExportFlags): void {
  const { to, output } = given;
  const isFolder = existsSync(output) && statSync(output).isDirectory();
  if (to === "tfjs") tfjsFolder(output);
  else if (extname(output).toLowerCase() !== `.${to}` || isFolder) {
    const expected = `a file whose name ends in .${to}`;
    throw new ArgumentError({
      where: "--output",
      expected,
      received: output,
      cure: "Name it so, or choose another --to.",
    });
  }
  const serves: readonly (readonly [flag: string, isGiven: boolean, ...formats: ExportFlags["to"][]])[] = [
    ["--opset", given.opset !== undefined, "onnx"],
    ["--channels", given.channels !== undefined, "tfjs"],
    ["--tolerance", given.tolerance !== undefined, "onnx", "tfjs"],
    ["--no-verify", !given.verify, "onnx", "tfjs"],
  ];
  for (const [where, isGiven, ...served] of serves) {
    if (!isGiven || served.includes(to)) continue;
    const expected = served.map((format) => `--to ${format}`).join(" or ");
    throw new ArgumentError({ where, expected, received: `--to ${to}`, cure: "Leave it out." });
  }
}

function wrote({ to, output }: ExportFlags): string {
  if (to !== "tfjs") return `wrote ${output}, ${statSync(output).size} bytes`;
  const path = join(tfjsFolder(output), "model.json");
  const { model, shards } = readTfjsFiles(path);
  const bytes = Object.values(shards).reduce((total, one) => total + one.length, model.length);
  return `wrote ${path}, ${bytes} bytes with its weights`;
}

async function writeOnnx(model: Module, { meta }: Run, given: ExportFlags): Promise<ExportVerification | null> {
  const { output, opset, tolerance, verify } = given;
  const inputShape = inputShapeOf(meta);
  const options = { inputShape, meta: deployed(meta), ...(opset === undefined ? {} : { opset }) };
  const bytes = await exportOnnx(model, options);
  const verification = verify ? await verifyOnnxExport(bytes, model, { tolerance }).catch(orMissing) : null;
  writeWhole(behindLink(output), bytes);
  return verification;
}

async function writeTfjs(model: Module, { meta }: Run, given: ExportFlags): Promise<ExportVerification | null> {
  const { output, tolerance, verify, channels } = given;
  const ends = {
    inputShape: inputShapeOf(meta),
    ...(channels === undefined ? {} : { channelsLast: channels === "last" }),
  };
  const files = await exportTfjs(model, { ...ends, meta: deployed(meta) });
  const options = { ...ends, ...(tolerance === undefined ? {} : { tolerance }) };
  const verification = verify ? await verifyTfjsExport(files, model, options).catch(orMissing) : null;
  writeTfjsFiles(output, files);
  return verification;
}

function orMissing(error: unknown): null {
  if (error instanceof MissingPackageError) return null;
  throw error;
}

/** What whoever runs the model needs to know; not how it came about. */
function deployed({ training: _, network: __, split: ___, ...meta }: ModelMeta): ModelMeta {
  return meta;
}

async function writeState(model: Module, run: Run, { output, fold }: ExportFlags): Promise<null> {
  if (fold === true && describeArchitecture(model) === null) {
    throw new DataError({
      where: `evenkeel export ${run.file}`,
      expected: "a network of Evenkeel's own layers, each in one place",
      received: "one with classes of its own, which would be built with its norms again",
      cure: "Leave --fold out, or fold it in code, where it is built: foldBatchNorm(model).",
    });
  }
  writeModel(output, model, run);
  return null;
}

function describe({ maxAbsolute, maxRelative, tolerance, samples }: ExportVerification, to: ExportFlags["to"]): string {
  const difference = `${maxAbsolute.toPrecision(3)}, relative ${maxRelative.toPrecision(3)}`;
  return `largest difference in ${engines[to]}: ${difference} (at most ${tolerance} passes; ${samples} random samples)`;
}
