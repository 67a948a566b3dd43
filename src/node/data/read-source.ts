import { statSync } from "node:fs";
import { extname } from "node:path";
import { DataError } from "../../errors.js";
import { isArrayFolder, readArrays } from "./arrays.js";
import { readCsv } from "./csv.js";
import { isIdxFolder, readIdxFolder } from "./idx-folder.js";
import { readImageFolder } from "./image-folder.js";
import { findSource } from "./known.js";
import type { ReadAsOptions, Source } from "./source.js";

/** Reads whatever a name stands for; a folder tells by its content what it is, a file by its ending. */
export async function readSource(name: string, options: ReadAsOptions): Promise<Source> {
  const { path, classes } = findSource(name);
  if (statSync(path).isDirectory()) {
    if (isIdxFolder(path)) return readIdxFolder(path, classes);
    return isArrayFolder(path) ? readArrays(path, options) : readImageFolder(path, options);
  }
  const ending = extname(path).toLowerCase();
  if (ending === ".csv" || ending === ".tsv") return readCsv(path, options);
  if (ending === ".npz" || ending === ".npy") return readArrays(path, options);
  throw new DataError({
    where: `loadData(${name})`,
    expected: "a folder, or a file that ends in .csv, .tsv, .npz or .npy",
    received: ending === "" ? "no ending" : ending,
    cure: "Name such a file.",
  });
}
