import { existsSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { Command } from "commander";
import { ArgumentError, DataError, MissingPackageError } from "../../errors.js";
import { describeArchitecture } from "../../formats/model-file/architecture.js";
import type { ModelMeta } from "../../formats/model-file/save-model.js";
import { exportOnnx } from "../../formats/onnx/export/export-onnx.js";
import { type OnnxExportVerification, verifyOnnxExport } from "../../formats/onnx/export/verify-export.js";
import { exportTfjs } from "../../formats/tfjs/export-tfjs.js";
import { type TfjsExportVerification, verifyTfjsExport } from "../../formats/tfjs/verify-export.js";
import { type FoldedModel, foldBatchNorm } from "../../graph/fold-batch-norm.js";
import type { Module } from "../../nn/module.js";
import { writeWhole } from "../../node/files.js";
import type { Run } from "../../node/load-run.js";
import { inputShapeOf } from "../../node/model-inputs.js";
import { readTfjsFiles, tfjsFolder, writeTfjsFiles } from "../../node/tfjs-files.js";
import { writeModel } from "../../node/write-model.js";
import { openModel } from "../flags/model-options.js";
import { count, number, oneOf } from "../flags/options.js";

/** What can be written; but for `tfjs`, which is a folder, each is the ending of its file. */
const formats = ["onnx", "tfjs", "safetensors"] as const;

interface ExportFlags {
  readonly to: (typeof formats)[number];
  readonly output: string;
  readonly fold?: boolean;
  readonly model?: string;
  readonly opset?: number;
  readonly tolerance?: number;
  readonly verify: boolean;
  readonly channels?: "last" | "first";
  readonly json?: boolean;
}

/** `evenkeel export` */
export function exportCommand(): Command {
  return new Command("export")
    .description("Write a trained model as a file for other programs.")
    .argument("<run>", "a run's folder, or a .safetensors file")
    .requiredOption("--to <format>", `what to write: ${formats.join(", ")}`, oneOf("--to", formats))
    .requiredOption(
      "-o, --output <path>",
      "where to write: a file that ends in the format's name, such as model.onnx; for tfjs a folder, which gets model.json and weights",
    )
    .option("--fold", "make batch norms part of the layers beside them first")
    .option(
      "--model <name|file>",
      "the network, where the file does not hold it: a name, or a module such as ./net.js, whose code runs",
    )
    .option("--opset <n>", "ONNX: the version of its operators, 13 to 21 (default: 17)", count("--opset"))
    .option(
      "--tolerance <x>",
      "ONNX, TF.js: the largest relative difference that passes in onnxruntime, in TF.js (default: 1e-4)",
      number("--tolerance"),
    )
    .option("--no-verify", "ONNX, TF.js: do not run the model in onnxruntime, in TF.js, before it is written")
    .option(
      "--channels <last|first>",
      "TF.js: where the channels of inputs and outputs are (default: last in images)",
      oneOf("--channels", ["last", "first"] as const),
    )
    .option("--json", "print JSON")
    .action(async (path: string, flags: ExportFlags) => {
      checkFlags(flags);
      const run = await openModel(path, flags);
      run.model.eval();
      const { model, folded, left } = flags.fold === true ? foldBatchNorm(run.model) : unfolded(run.model);
      const verification = await writers[flags.to](model, run, flags);
      const { to, output, json } = flags;
      const result = { model: run.file, to, output, folded, left, verification };
      const lines = [
        ...left.map(({ norm, reason }) => `${norm} not folded: ${reason}`),
        ...(flags.fold === true ? [`${folded.length} folded, ${left.length} left`] : []),
        ...(verification === null ? [] : [describe(verification, to)]),
        ...(to !== "safetensors" && verification === null ? [`not verified in ${engines[to]}`] : []),
        wrote(flags),
      ];
      process.stdout.write(`${json === true ? JSON.stringify(result, null, 2) : lines.join("\n")}\n`);
    });
}

function unfolded(model: Module): Pick<FoldedModel, "model" | "folded" | "left"> {
  return { model, folded: [], left: [] };
}

/** Each writes a model, once it has run where it is to be run; null if it was not asked to, or what runs it is not installed. */
type Writer = (model: Module, run: Run, flags: ExportFlags) => Promise<Verification | null>;

type Verification = OnnxExportVerification | TfjsExportVerification;

const writers: Readonly<Record<ExportFlags["to"], Writer>> = {
  onnx: writeOnnx,
  tfjs: writeTfjs,
  safetensors: writeState,
};
const engines = { onnx: "onnxruntime", tfjs: "TF.js", safetensors: "Evenkeel" } as const;

function checkFlags({ to, output, opset, tolerance, verify, channels }: ExportFlags): void {
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
  const serves: readonly (readonly [flag: string, value: unknown, ...formats: ExportFlags["to"][]])[] = [
    ["--opset", opset, "onnx"],
    ["--channels", channels, "tfjs"],
    ["--tolerance", tolerance, "onnx", "tfjs"],
    ["--no-verify", verify ? undefined : 1, "onnx", "tfjs"],
  ];
  for (const [where, value, ...served] of serves) {
    if (value === undefined || served.includes(to)) continue;
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

async function writeOnnx(model: Module, { meta }: Run, flags: ExportFlags): Promise<OnnxExportVerification | null> {
  const { output, opset, tolerance, verify } = flags;
  const inputShape = inputShapeOf(meta);
  const options = { inputShape, meta: deployed(meta), ...(opset === undefined ? {} : { opset }) };
  const bytes = await exportOnnx(model, options);
  const verification = verify ? await verifyOnnxExport(bytes, model, { tolerance }).catch(orMissing) : null;
  writeWhole(output, bytes);
  return verification;
}

async function writeTfjs(model: Module, { meta }: Run, flags: ExportFlags): Promise<TfjsExportVerification | null> {
  const { output, tolerance, verify, channels } = flags;
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

function describe({ maxAbsolute, maxRelative, tolerance, samples }: Verification, to: ExportFlags["to"]): string {
  const difference = `${maxAbsolute.toPrecision(3)}, relative ${maxRelative.toPrecision(3)}`;
  return `largest difference in ${engines[to]}: ${difference} (at most ${tolerance} passes; ${samples} random samples)`;
}
