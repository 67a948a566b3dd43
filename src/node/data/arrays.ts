import { createHash } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { unzipSync } from "fflate";
import { type NpyArray, parseNpy } from "../../data/npy.js";
import { DataError, EvenkeelError, FormatError } from "../../errors.js";
import { FileBudget } from "../../formats/file-budget.js";
import { formatShape, type Shape, sizeOf } from "../../shape.js";
import { readBytes } from "./read-bytes.js";
import { arraySamples, type Samples, type Targets } from "./samples.js";
import type { ReadAsOptions, Source } from "./source.js";

/** NumPy's arrays by name, without `.npy`. */
type Arrays = ReadonlyMap<string, NpyArray>;

const known = ["x", "y", "x_train", "y_train", "x_val", "y_val", "x_test", "y_test"];

/** Whether a folder holds arrays as {@link readArrays} takes them. */
export function isArrayFolder(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((name) => name.endsWith(".npy"));
}

/**
 * Reads NumPy arrays: an NPZ file, a folder of NPY files, or one NPY file where only inputs are needed. The arrays are `x` and `y`, or
 * `x_train`, `y_train`, `x_test` and `y_test` (with `x_val`, `y_val`, if there are), in upper or lower case; the first axis counts samples.
 *
 * Samples of bytes with two axes are grey images; targets of whole numbers are classes, others are a regression.
 *
 * @throws DataError if arrays are missing, do not fit each other, or hold a value that is not finite, naming its row and column
 * @throws FormatError if a file is damaged
 */
export function readArrays(path: string, options: ReadAsOptions): Source {
  const { arrays, fingerprint } = loadArrays(path);
  let dropped = 0;
  const part = (suffix: string): Samples => {
    const samples = samplesOf(path, arrays, suffix, options);
    dropped += samples.dropped;
    return samples;
  };
  if (arrays.has("x") && (arrays.has("y") || options.hasTargets === false)) {
    const all = part("");
    return { noun: "samples", dropped, parts: { all, fingerprint } };
  }
  const needed = ["x_train", "y_train", "x_test", "y_test"];
  if (!needed.every((name) => arrays.has(name))) {
    throw new DataError({
      where: path,
      expected:
        options.hasTargets === false ? "the array x" : "the arrays x and y, or x_train, y_train, x_test and y_test",
      received: arrays.size === 0 ? "none of them" : [...arrays.keys()].join(", "),
      cure: "Save them with numpy.savez('data.npz', x=x, y=y).",
    });
  }
  const train = part("_train");
  const validation = arrays.has("x_val") && arrays.has("y_val") ? part("_val") : null;
  const test = part("_test");
  return { noun: "samples", dropped, parts: { train, validation, test } };
}

function loadArrays(path: string): { arrays: Arrays; fingerprint: string } {
  const files = statSync(path).isDirectory() ? filesOf(path) : readFile(path);
  const hash = createHash("sha256");
  const arrays = new Map<string, NpyArray>();
  for (const [name, bytes] of files) {
    hash.update(bytes);
    arrays.set(name, parseNpy(bytes, join(basename(path), `${name}.npy`)));
  }
  return { arrays, fingerprint: hash.digest("hex") };
}

function filesOf(folder: string): [string, Uint8Array][] {
  const names = readdirSync(folder)
    .filter((file) => file.endsWith(".npy"))
    .sort();
  return names.flatMap((file): [string, Uint8Array][] => {
    const name = arrayName(file);
    return name === null ? [] : [[name, readBytes(join(folder, file), join(folder, file))]];
  });
}

/** The name of an array that is looked for; null for any other file. */
function arrayName(file: string): string | null {
  const name = file.replace(/\.npy$/, "").toLowerCase();
  return known.includes(name) ? name : null;
}

function readFile(path: string): [string, Uint8Array][] {
  const bytes = readBytes(path, path);
  return bytes[0] === 0x93 ? [["x", bytes]] : unzip(path, bytes);
}

/** The arrays in an NPZ file. What is not looked for is not unpacked, and nothing is written anywhere. */
function unzip(path: string, bytes: Uint8Array): [string, Uint8Array][] {
  const fault = (received: string, cause?: unknown): FormatError =>
    new FormatError(
      { where: path, expected: "a whole NPZ file", received, cure: "Save it with numpy.savez." },
      { cause },
    );
  const budget = new FileBudget(path, bytes.length);
  const seen = new Set<string>();
  try {
    const files = unzipSync(bytes, {
      filter({ name: file, size, originalSize, compression }) {
        const name = arrayName(file);
        if (name === null) return false;
        if (seen.has(name)) throw fault(`${name} twice`);
        seen.add(name);
        const isPlain = compression !== 0 || originalSize === size;
        if (size > bytes.length || !isPlain) throw fault(`${name} of ${originalSize} bytes in ${size}`);
        budget.spend("unpacked", originalSize);
        return true;
      },
    });
    return Object.entries(files).map(([file, content]) => [arrayName(file) ?? file, content]);
  } catch (cause) {
    if (cause instanceof EvenkeelError) throw cause;
    throw fault(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function samplesOf(
  path: string,
  arrays: Arrays,
  suffix: string,
  options: ReadAsOptions,
): Samples & { dropped: number } {
  const [x, y] = [arrays.get(`x${suffix}`), arrays.get(`y${suffix}`)];
  const names = { x: `x${suffix}`, y: `y${suffix}` };
  const fault = (expected: string, received: string, cure: string): DataError =>
    new DataError({ where: path, expected, received, cure });
  if (x === undefined || x.shape.length === 0 || x.values.length === 0) {
    throw fault(`samples in ${names.x}`, x === undefined ? "none" : formatShape(x.shape), "Save at least one sample.");
  }
  const shape = sampleShape(x);
  const [count] = x.shape;
  const needsTargets = options.hasTargets !== false;
  if (needsTargets && (y === undefined || y.shape[0] !== count)) {
    const received = y === undefined ? "none" : formatShape(y.shape);
    throw fault(`${count} targets in ${names.y}, as ${names.x} has samples`, received, "Save one for each sample.");
  }
  const targets = needsTargets && y !== undefined ? targetsOf(path, names.y, y, options) : null;
  const bad = badRows(path, names, x, targets, options.skipBadRows);
  if (bad.size === 0) return { ...arraySamples(x.values, shape, targets), dropped: 0 };
  const kept = Array.from({ length: count }, (_, row) => row).filter((row) => !bad.has(row));
  if (kept.length === 0) throw fault("a sample that is finite", "none", "Replace the file.");
  const size = sizeOf(shape);
  const inputs = new Float64Array(kept.length * size);
  for (const [k, row] of kept.entries()) inputs.set(x.values.subarray(row * size, (row + 1) * size), k * size);
  return { ...arraySamples(inputs, shape, targets === null ? null : pick(targets, kept), kept), dropped: bad.size };
}

/** Of one sample: bytes with two axes are a grey image. */
function sampleShape({ shape, values }: NpyArray): Shape {
  const sample = shape.slice(1);
  if (sample.length === 0) return [1];
  return sample.length === 2 && values instanceof Uint8Array ? [1, ...sample] : sample;
}

function targetsOf(path: string, name: string, y: NpyArray, { task }: ReadAsOptions): Targets {
  const outputs = sizeOf(y.shape.slice(1));
  if (task === "regression" || (task === undefined && !y.isInteger)) {
    return { task: "regression", values: Float64Array.from(y.values), outputs };
  }
  if (outputs === 1) return { task: "classification", names: Array.from(y.values, String) };
  throw new DataError({
    where: path,
    expected: `one class for each sample in ${name}`,
    received: formatShape(y.shape),
    cure: 'Save numpy.argmax(y, axis=1), or pass { task: "regression" }.',
  });
}

/** The rows with a value that is not finite. @throws DataError naming the first, unless they are to be left out */
function badRows(
  path: string,
  names: { readonly x: string; readonly y: string },
  x: NpyArray,
  targets: Targets | null,
  skipBadRows = false,
): Set<number> {
  const rows = new Set<number>();
  const check = (name: string, values: ArrayLike<number>, width: number): void => {
    for (let i = 0; i < values.length; i++) {
      if (Number.isFinite(values[i])) continue;
      const row = Math.floor(i / width);
      if (!skipBadRows) {
        throw new DataError({
          where: `${path}, ${name}, row ${row}, column ${i % width}`,
          expected: "a finite number",
          received: String(values[i]),
          cure: "Correct it, or drop such rows ({ skipBadRows: true }). Both are counted from 0.",
        });
      }
      rows.add(row);
    }
  };
  if (!(x.values instanceof Uint8Array)) check(names.x, x.values, x.values.length / x.shape[0]);
  if (targets?.task === "regression") check(names.y, targets.values, targets.outputs);
  return rows;
}

function pick(targets: Targets, rows: readonly number[]): Targets {
  if (targets.task === "classification") return { ...targets, names: rows.map((row) => targets.names[row]) };
  const { outputs, values } = targets;
  const kept = rows.flatMap((row) => [...values.subarray(row * outputs, (row + 1) * outputs)]);
  return { ...targets, values: Float64Array.from(kept) };
}
