import type { Command } from "commander";
import { backend } from "../flags/backend-flag.js";
import { data, part, skipBadRows } from "../flags/data-flags.js";
import { command, type FlagsOf, required } from "../flags/flag.js";
import { evaluationBatchSize, model } from "../flags/model-flags.js";
import { json } from "../flags/output-flags.js";

const flags = [
  required(data),
  { ...part, initially: "test, where there is one" },
  skipBadRows,
  model,
  evaluationBatchSize,
  backend,
  json,
] as const;

/** What the command line of `evenkeel evaluate` says. */
export type EvaluateFlags = FlagsOf<typeof flags>;

/** `evenkeel evaluate` */
export function evaluateCommand(): Command {
  return command("evaluate", {
    flags,
    examples: [
      "evenkeel evaluate runs/mnist --data mnist",
      "evenkeel evaluate runs/homes --data homes.csv --part all --json",
    ],
    action: async () => (await import("../actions/evaluate.js")).evaluateRun,
  });
}
