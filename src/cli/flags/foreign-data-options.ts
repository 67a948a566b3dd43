import type { Command } from "commander";
import { ArgumentError } from "../../errors.js";
import type { ForeignInputOptions, ImageLayout } from "../../node/data/load-foreign-inputs.js";
import { number, oneOf } from "./options.js";

/** The flags that say how data become inputs of a model of another system, which does not say it itself. */
export type ForeignDataFlags = Pick<ForeignInputOptions, "size" | "mean" | "std" | "scale" | "layout" | "ignore">;

const names = ["size", "mean", "std", "scale", "layout", "ignore"] as const;

/** Gives a command the flags of {@link ForeignDataFlags}. @param systems - whose models it takes: `ONNX, TF.js` */
export function foreignDataOptions(command: Command, systems: string): Command {
  return command
    .option("--size <n|HxW>", `${systems}, images: height and width (default: the model's)`, size)
    .option(
      "--scale <x>",
      `${systems}: what values are multiplied by (default: 1/255 for bytes, else 1)`,
      number("--scale"),
    )
    .option(
      "--mean <list>",
      `${systems}: what is then subtracted, for all or each channel, such as 0.485,0.456,0.406`,
      numbers("--mean"),
    )
    .option(
      "--std <list>",
      `${systems}: what is then divided by, for all or each channel, such as 0.229,0.224,0.225`,
      numbers("--std"),
    )
    .option(
      "--layout <order>",
      `${systems}: nchw or nhwc (default: by the model's sizes)`,
      oneOf<ImageLayout>("--layout", ["nchw", "nhwc"]),
    )
    .option("--ignore <columns>", `${systems}, CSV: columns to leave out, separated by commas`, list);
}

/** @throws ArgumentError if a flag only serves runs */
export function checkForeignFlags<Flags extends { readonly model?: string }>(path: string, flags: Flags): Flags {
  if (flags.model === undefined) return flags;
  throw new ArgumentError({
    where: "--model",
    expected: "a run, which may need it",
    received: path,
    cure: "Leave it out: the file holds its network.",
  });
}

/**
 * @param expected - what they serve: `an .onnx model`
 * @throws ArgumentError if there are such flags with a run, which says all that itself
 */
export function refuseForeignDataFlags(run: string, flags: ForeignDataFlags, expected: string): void {
  const flag = names.find((name) => flags[name] !== undefined);
  if (flag === undefined) return;
  throw new ArgumentError({
    where: `--${flag}`,
    expected,
    received: run,
    cure: "Leave it out: a run knows how its data were prepared.",
  });
}

function list(text: string): string[] {
  return text.split(",").map((part) => part.trim());
}

function numbers(flag: string): (text: string) => number[] {
  return (text) => list(text).map(number(flag));
}

function size(text: string): readonly [number, number] {
  const match = /^([1-9]\d{0,4})(?:[x×]([1-9]\d{0,4}))?$/.exec(text);
  if (match !== null) return [Number(match[1]), Number(match[2] ?? match[1])];
  const expected = "a height and width, such as 224 or 48x320";
  throw new ArgumentError({ where: "--size", expected, received: text, cure: "Write it so." });
}
