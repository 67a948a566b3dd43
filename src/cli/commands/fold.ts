import { Command } from "commander";
import { tensor } from "../../create.js";
import { ArgumentError, DataError } from "../../errors.js";
import { describeArchitecture } from "../../formats/model-file/architecture.js";
import type { ModelMeta } from "../../formats/model-file/save-model.js";
import { type FoldedModel, foldBatchNorm } from "../../graph/fold-batch-norm.js";
import type { Run } from "../../node/load-run.js";
import { inputShapeOf } from "../../node/model-inputs.js";
import { writeModel } from "../../node/write-model.js";
import { Generator } from "../../random.js";
import { sizeOf } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import {
  checkForeignFlags,
  type ForeignDataFlags,
  foreignDataOptions,
  refuseForeignDataFlags,
} from "../flags/foreign-data-options.js";
import { openModel } from "../flags/model-options.js";
import { count, number } from "../flags/options.js";
import { describeFolding } from "../folding.js";
import { isOnnx, isTfjs } from "../model-kind.js";
import { foldOnnxFile } from "./onnx/fold.js";
import { shapeOption } from "./onnx/shapes.js";
import { type FoldTfjsFlags, foldTfjsFile } from "./tfjs/fold.js";

interface FoldFlags extends FoldTfjsFlags, ForeignDataFlags {
  readonly model?: string;
}

/** `evenkeel fold` */
export function foldCommand(): Command {
  const fold = new Command("fold")
    .description("Make batch norms part of the layers before or behind them, so that inference does not pay for them.")
    .argument("<model>", "an .onnx file, a model.json of TF.js, a run's folder, or a .safetensors file")
    .option(
      "-o, --output <path>",
      "where to write: a file of the same kind, or for a run a folder, which gets model.safetensors; for TF.js a folder, which gets model.json",
    )
    .option(
      "--model <name|file>",
      "the network, where the file does not hold it: a name, or a module such as ./net.js, whose code runs",
    )
    .option("--dry-run", "say what would be folded, and write nothing")
    .option(
      "--tolerance <x>",
      "ONNX, TF.js: the largest relative difference that passes (default: 1e-4; 0.02 with float16)",
      number("--tolerance"),
    )
    .option("--shape <name=1x3x32x32>", "ONNX, TF.js: the shape of an input that the model leaves open", shapeOption)
    .option("--no-verify", "ONNX, TF.js: do not run and compare both models")
    .option("--dequantize", "TF.js: store quantised kernels as float32 where a norm goes into them")
    .option("--json", "print JSON")
    .option(
      "--data <source>",
      "ONNX, TF.js: compare on real inputs too: a folder of images, an NPY or NPZ (x), or a CSV file",
    )
    .option("--samples <n>", "ONNX, TF.js: how many of them, at most", count("--samples"), 64);
  return foreignDataOptions(fold, "ONNX, TF.js").action(async (model: string, flags: FoldFlags, command: Command) => {
    if (flags.output === undefined && flags.dryRun !== true) {
      command.error("error: required option '-o, --output <path>' not specified, nor --dry-run");
    }
    if (isOnnx(model)) process.stdout.write(`${await foldOnnxFile(model, checkForeignFlags(model, flags))}\n`);
    else if (isTfjs(model)) process.stdout.write(`${await foldTfjsFile(model, checkForeignFlags(model, flags))}\n`);
    else {
      checkRunFlags(model, flags, command);
      await foldRun(model, flags);
    }
  });
}

/** @throws ArgumentError if a flag does not serve runs, whose norms are folded without running another program */
function checkRunFlags(run: string, flags: FoldFlags, command: Command): void {
  const expected = "an .onnx model or a model.json of TF.js";
  refuseForeignDataFlags(run, flags, expected);
  const foreign = ["tolerance", "shape", "verify", "dequantize", "data", "samples"];
  const flag = foreign.find((name) => command.getOptionValueSource(name) === "cli");
  if (flag === undefined) return;
  throw new ArgumentError({
    where: flag === "verify" ? "--no-verify" : `--${flag}`,
    expected,
    received: run,
    cure: "Leave it out: a run is compared before and after on noise, as its summary says.",
  });
}

async function foldRun(path: string, flags: FoldFlags): Promise<void> {
  const run = await openModel(path, flags);
  const probe = probeFor(run.meta);
  const result = foldBatchNorm(run.model.eval(), probe === null ? {} : { probe });
  checkArchitecture(run, result);
  const isDry = flags.dryRun === true || flags.output === undefined;
  const file = isDry ? null : writeModel(flags.output ?? "", result.model, run);
  const { folded, left, maxDifference = null } = result;
  const text =
    flags.json === true
      ? JSON.stringify({ model: run.file, output: file, folded, left, maxDifference }, null, 2)
      : describe(result, file);
  process.stdout.write(`${text}\n`);
}

/** Noise of the shape that the model takes; null where the file does not say it. */
function probeFor(meta: ModelMeta): Tensor | null {
  if (meta.inputShape === undefined) return null;
  const shape = [4, ...inputShapeOf(meta)];
  const generator = new Generator(1);
  const values = Float32Array.from({ length: sizeOf(shape) }, () => generator.normal());
  return tensor(values, shape);
}

/** The file of a folded network must say what to build, since no module builds it. */
function checkArchitecture({ file }: Run, { model, folded }: FoldedModel): void {
  if (folded.length === 0 || describeArchitecture(model) !== null) return;
  throw new DataError({
    where: `evenkeel fold ${file}`,
    expected: "a network of Evenkeel's own layers, each in one place",
    received: "one with classes of its own, which would be built with its norms again",
    cure: "Fold it in code, where it is built: foldBatchNorm(model).",
  });
}

function describe(result: FoldedModel, file: string | null): string {
  const { maxDifference } = result;
  const difference =
    maxDifference === undefined ? "" : `; outputs for noise differ by at most ${maxDifference.toPrecision(2)}`;
  return [...describeFolding(result, difference), ...(file === null ? [] : [`wrote ${file}`])].join("\n");
}
