import type { Command } from "commander";
import { backend } from "../flags/backend-flag.js";
import { skipBadRows } from "../flags/data-flags.js";
import { command, type FlagsOf, flag, withDefault } from "../flags/flag.js";
import { evaluationBatchSize, model } from "../flags/model-flags.js";
import { json } from "../flags/output-flags.js";
import { count } from "../flags/parsers.js";

const flags = [
  { ...skipBadRows, help: "leave out rows that cannot be used, instead of refusing them" },
  model,
  evaluationBatchSize,
  backend,
  withDefault(
    flag("--top <k>", { group: "Output", help: "number of classes to name, the likeliest first", parse: count() }),
    1,
  ),
  json,
] as const;

/** What the command line of `evenkeel predict` says. */
export type PredictFlags = FlagsOf<typeof flags>;

/** `evenkeel predict` */
export function predictCommand(): Command {
  return command("predict", {
    flags,
    examples: [
      "evenkeel predict runs/mnist digit.png --top 3",
      "evenkeel predict runs/pets photos",
      "evenkeel predict runs/homes new.csv --json",
    ],
    action: async () => (await import("../actions/predict.js")).predictFiles,
  });
}
