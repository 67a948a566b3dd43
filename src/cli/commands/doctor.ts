import type { Command } from "commander";
import { thresholds } from "../../diagnostics/diagnose/thresholds.js";
import { data, drawSeed, part, samples, skipBadRows } from "../flags/data-flags.js";
import { command, type FlagsOf, flag, withDefault } from "../flags/flag.js";
import { foreignData, initializersAreConstant } from "../flags/foreign-flags.js";
import { batchSize, model } from "../flags/model-flags.js";
import { json, output } from "../flags/output-flags.js";
import { count, oneOf } from "../flags/parsers.js";
import { defaultBatchSize } from "../flags/train-flags.js";

const flags = [
  data,
  { ...part, initially: "train, where there is one" },
  withDefault(samples, thresholds.defaultSamples),
  drawSeed,
  skipBadRows,
  ...foreignData("ONNX"),
  initializersAreConstant,
  model,
  flag("--network <name>", {
    group: "Model",
    help: "network of a run exported from the playground: A or B",
    initially: "A",
    parse: oneOf(["A", "B"]),
  }),
  {
    ...batchSize,
    help: "batch size of the training",
    initially: `what the file says, else ${defaultBatchSize}`,
    parse: count(2),
  },
  {
    ...output,
    term: "-o, --output <file>",
    help: "page to write",
    initially: "doctor.html beside the model; for two, compare.html",
  },
  flag("--no-page", { group: "Output", help: "write no page" }),
  json,
] as const;

/** What the command line of `evenkeel doctor` says. */
export type DoctorFlags = FlagsOf<typeof flags>;

/** `evenkeel doctor` */
export function doctorCommand(): Command {
  return command("doctor", {
    details: "It exits with 3 if it found something.",
    flags,
    examples: [
      "evenkeel doctor runs/mnist --data mnist",
      "evenkeel doctor model.onnx --data photos --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225",
      "evenkeel doctor exported.json --network B --json",
      "evenkeel doctor runs/good runs/bad --data mnist",
    ],
    action: async () => (await import("../actions/doctor.js")).doctor,
  });
}
