import type { Command } from "commander";
import { command, type FlagsOf, flag, required } from "../flags/flag.js";
import { noVerify, tolerance } from "../flags/foreign-flags.js";
import { model } from "../flags/model-flags.js";
import { json, output } from "../flags/output-flags.js";
import { count, oneOf } from "../flags/parsers.js";

/** What can be written; but for `tfjs`, which is a folder, each is the ending of its file. */
const formats = ["onnx", "tfjs", "safetensors"] as const;

const flags = [
  model,
  flag("--fold", { group: "Model", help: "fold batch norms into the layers beside them first" }),
  flag("--opset <n>", {
    group: "Model",
    help: "ONNX: version of its operators, 13 to 21",
    initially: "17",
    parse: count(),
  }),
  flag("--channels <order>", {
    group: "Model",
    help: "TF.js: place of the channels in inputs and outputs, last or first",
    initially: "last in images",
    option: "channelsLast",
    parse: oneOf(["last", "first"]),
  }),
  { ...tolerance, initially: "1e-4" },
  { ...noVerify, help: "ONNX, TF.js: skip running the model before it is written" },
  required(flag("--to <format>", { group: "Output", help: `format: ${formats.join(", ")}`, parse: oneOf(formats) })),
  required({ ...output, help: "path to write to: model.onnx, model.safetensors, or for tfjs a folder" }),
  json,
] as const;

/** What the command line of `evenkeel export` says. */
export type ExportFlags = FlagsOf<typeof flags>;

/** `evenkeel export` */
export function exportCommand(): Command {
  return command("export", {
    flags,
    examples: [
      "evenkeel export runs/mnist --to onnx -o mnist.onnx",
      "evenkeel export runs/mnist --to tfjs -o web --fold",
    ],
    action: async () => (await import("../actions/export.js")).exportRun,
  });
}
