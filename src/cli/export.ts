import { existsSync, statSync } from "node:fs";
import { extname } from "node:path";
import { Command } from "commander";
import { ArgumentError, DataError, MissingPackageError } from "../errors.js";
import { describeArchitecture } from "../models/architecture.js";
import { type FoldedModel, foldBatchNorm } from "../models/fold-batch-norm.js";
import { exportOnnx } from "../models/onnx/export-onnx.js";
import { type ExportVerification, verifyExport } from "../models/onnx/verify-export.js";
import type { ModelMeta } from "../models/save-model.js";
import type { Module } from "../nn/module.js";
import { writeWhole } from "../node/files.js";
import { loadRun, type Run } from "../node/load-run.js";
import { inputShapeOf } from "../node/model-inputs.js";
import { writeModel } from "../node/write-model.js";
import { count, number, oneOf } from "./options.js";

/** What can be written; each is the ending of its files. */
const formats = ["onnx", "safetensors"] as const;

interface ExportFlags {
  readonly to: (typeof formats)[number];
  readonly output: string;
  readonly fold?: boolean;
  readonly model?: string;
  readonly opset?: number;
  readonly tolerance?: number;
  readonly verify: boolean;
  readonly json?: boolean;
}

/** `evenkeel export` */
export function exportCommand(): Command {
  return new Command("export")
    .description("Write a trained model as a file for other programs.")
    .argument("<run>", "a run's folder, or a .safetensors file")
    .requiredOption("--to <format>", `what to write: ${formats.join(" or ")}`, oneOf("--to", formats))
    .requiredOption("-o, --output <file>", "where to write; it ends in the format's name, such as model.onnx")
    .option("--fold", "make batch norms part of the layers beside them first")
    .option("--model <name|file>", "the network, where the file does not hold it: a name, or a module such as ./net.js")
    .option("--opset <n>", "ONNX: the version of its operators, 13 to 21 (default: 17)", count("--opset"))
    .option(
      "--tolerance <x>",
      "ONNX: the largest relative difference that passes in onnxruntime (default: 1e-4)",
      number("--tolerance"),
    )
    .option("--no-verify", "ONNX: do not run the file in onnxruntime before it is written")
    .option("--json", "print JSON")
    .action(async (path: string, flags: ExportFlags) => {
      checkFlags(flags);
      const run = await loadRun(path, flags.model === undefined ? {} : { network: flags.model });
      run.model.eval();
      const { model, folded, left } = flags.fold === true ? foldBatchNorm(run.model) : unfolded(run.model);
      const verification = flags.to === "onnx" ? await writeOnnx(model, run, flags) : writeState(model, run, flags);
      const { to, output, json } = flags;
      const result = { model: run.file, to, output, folded, left, verification };
      const lines = [
        ...left.map(({ norm, reason }) => `${norm} not folded: ${reason}`),
        ...(flags.fold === true ? [`${folded.length} folded, ${left.length} left`] : []),
        ...(verification === null ? [] : [describe(verification)]),
        ...(to === "onnx" && verification === null ? ["not verified in onnxruntime"] : []),
        `wrote ${output}, ${statSync(output).size} bytes`,
      ];
      process.stdout.write(`${json === true ? JSON.stringify(result, null, 2) : lines.join("\n")}\n`);
    });
}

function unfolded(model: Module): Pick<FoldedModel, "model" | "folded" | "left"> {
  return { model, folded: [], left: [] };
}

function checkFlags({ to, output, opset, tolerance, verify }: ExportFlags): void {
  if (extname(output).toLowerCase() !== `.${to}` || (existsSync(output) && statSync(output).isDirectory())) {
    const expected = `a file whose name ends in .${to}`;
    throw new ArgumentError({
      where: "--output",
      expected,
      received: output,
      cure: "Name it so, or choose another --to.",
    });
  }
  const [stray] = Object.entries({ "--opset": opset, "--tolerance": tolerance, "--no-verify": verify ? undefined : 1 })
    .filter(([, value]) => to !== "onnx" && value !== undefined)
    .map(([flag]) => flag);
  if (stray === undefined) return;
  throw new ArgumentError({ where: stray, expected: "--to onnx", received: `--to ${to}`, cure: "Leave it out." });
}

/** Writes the file once onnxruntime has run it; null if it was not asked to, or is not installed. */
async function writeOnnx(model: Module, { meta }: Run, flags: ExportFlags): Promise<ExportVerification | null> {
  const { output, opset, tolerance, verify } = flags;
  const inputShape = inputShapeOf(meta);
  const options = { inputShape, meta: deployed(meta), ...(opset === undefined ? {} : { opset }) };
  const bytes = await exportOnnx(model, options);
  const verification = verify ? await verifyExport(bytes, model, tolerance).catch(orMissing) : null;
  writeWhole(output, bytes);
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

function writeState(model: Module, run: Run, { output, fold }: ExportFlags): null {
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

function describe({ maxAbsolute, maxRelative, tolerance, samples }: ExportVerification): string {
  const difference = `${maxAbsolute.toPrecision(3)}, relative ${maxRelative.toPrecision(3)}`;
  return `largest difference in onnxruntime: ${difference} (at most ${tolerance} passes; ${samples} random samples)`;
}
