import type { ImageLayout } from "../../data/image-layout.js";
import { ArgumentError } from "../../errors.js";
import { type FlagsOf, flag } from "./flag.js";
import { again, heightAndWidth, number, numbers, oneOf } from "./parsers.js";

const group = "Data";

/** Shapes of a model's inputs, by name. */
export type NamedShapes = Readonly<Record<string, readonly number[]>>;

/**
 * The flags that say how data become inputs of a model of another system, which does not say it itself.
 *
 * @param systems - whose models the command takes: `ONNX, TF.js`
 */
export const foreignData = (systems: string) =>
  [
    flag("--size <n|HxW>", {
      group,
      help: `${systems}, images: height and width`,
      initially: "the model's",
      parse: heightAndWidth,
    }),
    flag("--scale <x>", {
      group,
      help: `${systems}: factor of the values`,
      initially: "1/255 for bytes, else 1",
      parse: number(),
    }),
    flag("--mean <list>", {
      group,
      help: `${systems}: mean to subtract, one or one per channel, such as 0.485,0.456,0.406`,
      parse: numbers,
    }),
    flag("--std <list>", {
      group,
      help: `${systems}: standard deviation to divide by, such as 0.229,0.224,0.225`,
      parse: numbers,
    }),
    flag("--layout <order>", {
      group,
      help: `${systems}: order of the axes, nchw or nhwc`,
      initially: "by the model's sizes",
      parse: oneOf<ImageLayout>(["nchw", "nhwc"]),
    }),
    flag("--ignore <columns>", {
      group,
      help: `${systems}, CSV: columns to leave out, separated by commas; may be given again`,
      parse: again,
    }),
  ] as const;

/** What a command finds of {@link foreignData}. */
export type ForeignDataFlags = FlagsOf<ReturnType<typeof foreignData>>;

export const shape = flag("--shape <name=1x3x32x32>", {
  group: "Model",
  help: "ONNX, TF.js: shape of an input that the model leaves open",
  option: "shapes",
  parse: namedShape,
  // `{ x: [1, 3, 224, 224] }`
  spell: (literal) =>
    literal
      .replaceAll(/[{}[\] ]/g, "")
      .replace(":", "=")
      .replaceAll(",", "x"),
});

/** Adds `name=1x3x224x224` to the shapes given before. */
function namedShape(text: string, where: string, before?: unknown): NamedShapes {
  const match = /^(.+)=(\d+(?:[x×]\d+)*)$/.exec(text);
  if (match !== null) return { ...(before as NamedShapes | undefined), [match[1]]: match[2].split(/[x×]/).map(Number) };
  throw new ArgumentError({
    where,
    expected: "an input's name and sizes, such as x=1x3x224x224",
    received: text,
    cure: "Write it so.",
  });
}

export const tolerance = flag("--tolerance <x>", {
  group: "Model",
  help: "ONNX, TF.js: largest relative difference that passes",
  parse: number(),
});
export const initializersAreConstant = flag("--initializers-are-constant", {
  group: "Model",
  help: "ONNX: take initializers for constants that the file lists among its inputs",
});
export const noVerify = flag("--no-verify", {
  group: "Model",
  help: "ONNX, TF.js: skip running and comparing the models",
});

/** @throws ArgumentError if a flag only serves runs */
export function checkForeignFlags<Flags extends { readonly model: string | undefined }>(
  path: string,
  flags: Flags,
): Flags {
  if (flags.model === undefined) return flags;
  throw new ArgumentError({
    where: "--model",
    expected: "a run, which may need it",
    received: path,
    cure: "Leave it out: the file holds its network.",
  });
}

/** @throws ArgumentError if a flag only serves ONNX models */
export function checkOnnxFlags(path: string, flags: { readonly initializersAreConstant: boolean | undefined }): void {
  if (flags.initializersAreConstant !== true) return;
  throw new ArgumentError({
    where: "--initializers-are-constant",
    expected: "an .onnx model",
    received: path,
    cure: "Leave it out: only ONNX models list constants among their inputs.",
  });
}

/**
 * @param expected - what they serve: `an .onnx model`
 * @throws ArgumentError if there are such flags with a run, which says all that itself
 */
export function refuseForeignDataFlags(run: string, flags: ForeignDataFlags, expected: string): void {
  const given = foreignData("").find(({ name }) => flags[name] !== undefined);
  if (given === undefined) return;
  throw new ArgumentError({
    where: `--${given.name}`,
    expected,
    received: run,
    cure: "Leave it out: a run knows how its data were prepared.",
  });
}
