import type { Command } from "commander";
import { tensor } from "../../create.js";
import { ArgumentError, DataError } from "../../errors.js";
import { describeArchitecture } from "../../formats/model-file/architecture.js";
import type { ModelMeta } from "../../formats/model-file/save-model.js";
import { type FoldedModel, foldBatchNorm } from "../../graph/fold/fold-batch-norm.js";
import { Graph } from "../../graph/graph.js";
import { type PrunedModel, pruneDeadChannels } from "../../graph/prune/prune-dead-channels.js";
import type { Run } from "../../node/load-run.js";
import { inputShapeOf } from "../../node/model-inputs.js";
import { writeModel } from "../../node/write-model.js";
import { Generator } from "../../random.js";
import { sizeOf } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { foldOnnxFile } from "../actions/onnx/fold.js";
import { foldTfjsFile } from "../actions/tfjs/fold.js";
import type { FoldFlags } from "../commands/fold.js";
import { foreignFlags } from "../flags/fold-flags.js";
import { checkForeignFlags, checkOnnxFlags, noVerify, refuseForeignDataFlags } from "../flags/foreign-flags.js";
import { isOnnx, isTfjs } from "../model-kind.js";
import { openModel } from "../open-model.js";
import { describeFolding } from "../print/describe-folding.js";
import { describePruning } from "../print/describe-pruning.js";
import { printResult } from "../print/result.js";

/** What `evenkeel fold` does. */
export async function fold(path: string, given: FoldFlags, self: Command): Promise<void> {
  if (given.output === undefined && given.dryRun !== true) {
    self.error("error: required option '-o, --output <path>' not specified, nor --dry-run");
  }
  if (given.prune === true && (isOnnx(path) || isTfjs(path))) throw pruningOf(path);
  if (isOnnx(path)) await foldOnnxFile(path, checkForeignFlags(path, given));
  else if (isTfjs(path)) {
    checkOnnxFlags(path, given);
    await foldTfjsFile(path, checkForeignFlags(path, given));
  } else {
    checkRunFlags(path, given, self);
    await foldRun(path, given);
  }
}

/** @throws ArgumentError if a flag does not serve runs, whose norms are folded without running another program */
function checkRunFlags(run: string, given: FoldFlags, self: Command): void {
  const expected = "an .onnx model or a model.json of TF.js";
  refuseForeignDataFlags(run, given, expected);
  checkOnnxFlags(run, given);
  const other = foreignFlags.find(({ name }) => self.getOptionValueSource(name) === "cli");
  if (other === undefined) return;
  throw new ArgumentError({
    where: other === noVerify ? "--no-verify" : `--${other.name}`,
    expected,
    received: run,
    cure: "Leave it out: a run is compared before and after on noise, as its summary says.",
  });
}

/** What is said of a model of another system: its file is changed in place, where channels cannot be taken out. */
function pruningOf(path: string): ArgumentError {
  return new ArgumentError({
    where: "--prune",
    expected: "a run's folder or a .safetensors file",
    received: path,
    cure: "Import it in code (importOnnx, importTfjs, importKeras), call pruneDeadChannels, and export what that gives.",
  });
}

async function foldRun(path: string, given: FoldFlags): Promise<void> {
  const run = await openModel(path, given);
  const noise = probeFor(run.meta);
  const probe = noise === null ? {} : { probe: noise };
  const pruned = given.prune === true ? pruneDeadChannels(run.model.eval(), probe) : null;
  const result = foldBatchNorm(pruned?.model ?? run.model.eval(), probe);
  if (pruned === null || pruned.removed.length === 0) checkArchitecture(run, result);
  else if (!(result.model instanceof Graph)) checkArchitecture(run, { ...result, folded: [{ norm: "", into: "" }] });
  const isDry = given.dryRun === true || given.output === undefined;
  const file = isDry ? null : writeModel(given.output ?? "", result.model, run);
  const { folded, left, maxDifference = null } = result;
  const difference = maxDifference === null ? null : maxDifference + (pruned?.maxDifference ?? 0);
  const found =
    pruned === null ? {} : { removed: pruned.removed, constant: pruned.left, parameters: pruned.parameters };
  printResult(given, { model: run.file, output: file, folded, left, maxDifference: difference, ...found }, () =>
    describe(result, pruned, difference, file),
  );
}

/** Noise of the shape that the model takes; null where the file does not say it. */
function probeFor(meta: ModelMeta): Tensor | null {
  if (meta.inputShape === undefined) return null;
  const shape = [4, ...inputShapeOf(meta)];
  const generator = new Generator(1);
  const values = Float32Array.from({ length: sizeOf(shape) }, () => generator.normal());
  return tensor(values, shape);
}

/** The file of a changed network must say what to build, since no module builds it. */
function checkArchitecture({ file }: Run, { model, folded }: FoldedModel): void {
  if (folded.length === 0 || model instanceof Graph || describeArchitecture(model) !== null) return;
  throw new DataError({
    where: `evenkeel fold ${file}`,
    expected: "a network of Evenkeel's own layers, each in one place, or one that can be traced",
    received: "one with classes of its own, which would be built with its norms again",
    cure: "Save it with its inputShape, so that it is traced; or fold it in code, where it is built: foldBatchNorm(model, { probe }).",
  });
}

function describe(
  result: FoldedModel,
  pruned: PrunedModel | null,
  difference: number | null,
  file: string | null,
): string[] {
  const addition = difference === null ? "" : `; outputs for noise differ by at most ${difference.toPrecision(2)}`;
  return [
    ...(pruned === null ? [] : describePruning(pruned)),
    ...describeFolding(result, addition),
    ...(file === null ? [] : [`wrote ${file}`]),
  ];
}
