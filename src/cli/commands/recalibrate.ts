import type { Command } from "commander";
import { data, drawSeed, part, samples, skipBadRows } from "../flags/data-flags.js";
import { command, type FlagsOf, flag, required, withDefault } from "../flags/flag.js";
import { foreignData, initializersAreConstant } from "../flags/foreign-flags.js";
import { evaluationBatchSize, model } from "../flags/model-flags.js";
import { json, output } from "../flags/output-flags.js";
import { number, oneOf } from "../flags/parsers.js";

const flags = [
  required(data),
  { ...part, initially: "train, where there is one" },
  withDefault({ ...samples, help: "number of samples, at most; 1,000 to 10,000 are enough" }, 10_000),
  drawSeed,
  skipBadRows,
  ...foreignData("ONNX"),
  initializersAreConstant,
  model,
  withDefault(
    flag("--mode <mode>", {
      group: "Model",
      help: "mode: sequential (a pass for each norm, exact) or batch (one pass)",
      parse: oneOf(["sequential", "batch"]),
    }),
    "sequential",
  ),
  withDefault(
    flag("--blend <n>", {
      group: "Model",
      help: "number of samples that the old statistics count for",
      parse: number(),
    }),
    0,
  ),
  evaluationBatchSize,
  required({ ...output, help: "path to write to: for a run a folder, else a file of the same kind" }),
  json,
] as const;

/** What the command line of `evenkeel recalibrate` says. */
export type RecalibrateFlags = FlagsOf<typeof flags>;

/** `evenkeel recalibrate` */
export function recalibrateCommand(): Command {
  return command("recalibrate", {
    details: "Use the training data, or data like those in use. ONNX models need no labels.",
    flags,
    examples: [
      "evenkeel recalibrate runs/mnist --data mnist -o recalibrated",
      "evenkeel recalibrate model.onnx --data photos --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 -o new.onnx",
    ],
    action: async () => (await import("../actions/recalibrate.js")).recalibrateModel,
  });
}
