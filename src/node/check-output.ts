import { existsSync, realpathSync, statSync } from "node:fs";
import { extname, resolve } from "node:path";
import { ArgumentError } from "../errors.js";

/**
 * Checks that a file may be written, by any of its names: what is read is never changed, and a file that is there is
 * only written over if its name says that it is of the same kind, so that no slip costs a picture or a table.
 *
 * @param path - a file that the user names
 * @param ending - how names of such files end, with the point
 * @param inputs - files or folders that are read; what is none of these, such as the name of a data set, is passed over
 * @throws ArgumentError if the output is an input, a file of another kind, or a folder
 */
export function checkOutput(path: string, ending: string, inputs: readonly string[]): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) {
    const cure = "Name a file in it.";
    throw new ArgumentError({ where: path, expected: "a file", received: "a folder", cure });
  }
  const real = (one: string): string => (existsSync(one) ? realpathSync(one) : resolve(one));
  const same = inputs.find((input) => real(path) === real(input));
  // A link is what it leads to.
  if (same === undefined && found?.isFile() && extname(real(path)).toLowerCase() !== ending) {
    throw new ArgumentError({
      where: path,
      expected: `a new file, or one whose name ends in ${ending}`,
      received: "a file of another kind that is there already",
      cure: "Name a new file, or remove this one first.",
    });
  }
  if (same === undefined) return;
  throw new ArgumentError({
    where: path,
    expected: "another file than those that are read",
    received: same === path ? "the same" : `the same as ${same}`,
    cure: "Name a new file: what is read is never changed.",
  });
}
