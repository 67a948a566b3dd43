import { existsSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { FormatError } from "../errors.js";

/** The file that a model names by its way from the model's folder. @throws FormatError if it lies outside */
export function checkInside(path: string, location: string): string {
  const folder = realpathSync(dirname(path));
  const file = resolve(folder, location);
  // A link may lead out of the folder, too.
  for (const target of existsSync(file) ? [file, realpathSync(file)] : [file]) {
    const way = relative(folder, target);
    if (way === "" || way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way) || isAbsolute(location)) {
      throw new FormatError({
        where: path,
        expected: "tensors in files of its own folder",
        received: JSON.stringify(location),
        cure: "A model from elsewhere must not choose what is read: move the file beside it.",
      });
    }
  }
  return file;
}
