import { existsSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { FormatError } from "../errors.js";

/** The file that a model names by its way from the model's folder. @throws FormatError if it lies outside */
export function checkInside(path: string, location: string): string {
  const file = resolve(realpathSync(dirname(path)), location);
  if (!isAbsolute(location) && isInside(dirname(path), file)) return file;
  throw new FormatError({
    where: path,
    expected: "tensors in files of its own folder",
    received: JSON.stringify(location),
    cure: "A model from elsewhere must not choose what is read: move the file beside it.",
  });
}

/** Whether a file or folder lies below a folder that is there; a link that leads out of it does not. */
function isInside(folder: string, path: string): boolean {
  const root = realpathSync(folder);
  const file = resolve(root, path);
  return (existsSync(file) ? [file, realpathSync(file)] : [file]).every((target) => {
    const way = relative(root, target);
    // On Windows the way to another drive is absolute.
    return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
  });
}
