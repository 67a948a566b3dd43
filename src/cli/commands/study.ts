import type { Command } from "commander";
import type { Budget } from "../../study/experiment.js";
import { experimentNames } from "../../study/experiments/experiment-names.js";
import { data } from "../flags/data-flags.js";
import { command, type FlagsOf, flag, withDefault } from "../flags/flag.js";
import { json } from "../flags/output-flags.js";
import { count, number, oneOf } from "../flags/parsers.js";

const flags = [
  withDefault({ ...data, help: "data set: fashion-mnist, mnist, or a folder of MNIST's IDX files" }, "fashion-mnist"),
  flag("--seeds <k>", {
    group: "Training",
    help: "number of seeds for each experiment",
    initially: "as many pairs as its share of the time allows",
    parse: count(),
  }),
  withDefault(
    flag("--budget <budget>", {
      group: "Training",
      help: "budget: quick (alive, batch, gap, linear; 15 minutes) or full (all; 3 hours)",
      parse: oneOf<Budget>(["quick", "full"]),
    }),
    "quick",
  ),
  flag("--minutes <n>", {
    group: "Training",
    help: "minutes to spend",
    initially: "the budget's",
    parse: number(0),
  }),
  flag("--out <folder>", {
    group: "Output",
    help: "folder to write to; a study that it holds is continued",
    initially: "studies/ and the data",
  }),
  { ...json, help: "print what is written to study.json" },
] as const;

/** What the command line of `evenkeel study` says. */
export type StudyFlags = FlagsOf<typeof flags>;

/** `evenkeel study` */
export function studyCommand(): Command {
  return command("study", {
    details: `The results are study.html and study.json. Experiments: ${experimentNames.join(", ")}.`,
    flags,
    examples: [
      "evenkeel study",
      "evenkeel study batch gap --seeds 5",
      "evenkeel study norms --minutes 25",
      "evenkeel study --budget full --out studies/full",
    ],
    action: async () => (await import("../actions/study.js")).study,
  });
}
