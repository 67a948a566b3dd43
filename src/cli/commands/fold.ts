import type { Command } from "commander";
import { command, type FlagsOf, flag } from "../flags/flag.js";
import { foreignFlags } from "../flags/fold-flags.js";
import { foreignData } from "../flags/foreign-flags.js";
import { model } from "../flags/model-flags.js";
import { dryRun, json, output } from "../flags/output-flags.js";

const flags = [
  { ...output, help: "path to write to: for a run, TF.js or Keras a folder, else a file of the same kind" },
  dryRun,
  json,
  model,
  flag("--prune", {
    group: "Model",
    help: "runs: also take out channels that are the same number whatever the input is",
  }),
  ...foreignFlags,
  ...foreignData("ONNX, TF.js"),
] as const;

/** What the command line of `evenkeel fold` says. */
export type FoldFlags = FlagsOf<typeof flags>;

/** `evenkeel fold` */
export function foldCommand(): Command {
  return command("fold", {
    flags,
    examples: [
      "evenkeel fold runs/mnist -o folded",
      "evenkeel fold runs/mnist -o pruned --prune",
      "evenkeel fold model.onnx -o folded.onnx",
      "evenkeel fold web/model.json --dry-run",
    ],
    action: async () => (await import("../actions/fold.js")).fold,
  });
}
