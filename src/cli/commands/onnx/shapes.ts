import { ArgumentError } from "../../../errors.js";

/** Shapes of a model's inputs, by name. */
export type NamedShapes = Readonly<Record<string, readonly number[]>>;

/** Adds `name=1x3x224x224` to the shapes given before. @throws ArgumentError if it is none */
export function shapeOption(text: string, before: NamedShapes = {}): NamedShapes {
  const match = /^(.+)=(\d+(?:[x×]\d+)*)$/.exec(text);
  if (match !== null) return { ...before, [match[1]]: match[2].split(/[x×]/).map(Number) };
  throw new ArgumentError({
    where: "--shape",
    expected: "an input's name and sizes, such as x=1x3x224x224",
    received: text,
    cure: "Write it so.",
  });
}
