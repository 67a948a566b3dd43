import { existsSync, realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { ArgumentError } from "../errors.js";

/**
 * Checks that a file may be written, by any of its names: what is read is never changed.
 *
 * @param path - a file that the user names
 * @param inputs - files or folders that are read; what is none of these, such as the name of a data set, is passed over
 * @throws ArgumentError if the output is an input, or a folder
 */
export function checkOutput(path: string, inputs: readonly string[]): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    const cure = "Name a file in it.";
    throw new ArgumentError({ where: path, expected: "a file", received: "a folder", cure });
  }
  const real = (one: string): string => (existsSync(one) ? realpathSync(one) : resolve(one));
  const same = inputs.find((input) => real(path) === real(input));
  if (same === undefined) return;
  throw new ArgumentError({
    where: path,
    expected: "another file than those that are read",
    received: same === path ? "the same" : `the same as ${same}`,
    cure: "Name a new file: what is read is never changed.",
  });
}
