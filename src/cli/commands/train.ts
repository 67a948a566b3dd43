import type { Command } from "commander";
import { classifierNames, coreNames } from "../../networks/names.js";
import { command } from "../flags/flag.js";
import { trainFlags } from "../flags/train-flags.js";

/** `evenkeel train` */
export function trainCommand(): Command {
  return command("train", {
    details: `Networks by name: ${[...coreNames, ...classifierNames].join(", ")}.`,
    flags: trainFlags,
    examples: [
      "evenkeel train --data fashion-mnist --norm group --epochs 5",
      "evenkeel train --data homes.csv --target price --out runs/homes",
      "evenkeel train --resume --out runs/homes",
    ],
    action: async () => (await import("../actions/train.js")).train,
  });
}
