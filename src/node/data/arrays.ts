import { createHash } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { channelsFirst, type ImageLayout, layoutOf, moveChannelsFirst } from "../../data/image-layout.js";
import { type NpyArray, parseNpy } from "../../data/npy/npy.js";
import { isClassList, oneHotLabels, sayClasses, sayLabelRows, sayNumbers } from "../../data/target-task.js";
import { DataError, FormatError } from "../../errors.js";
import { FileBudget } from "../../formats/file-budget.js";
import { unzip } from "../../formats/unzip.js";
import { formatShape, type Shape, sameShape, sizeOf } from "../../shape.js";
import { shown } from "../../shown.js";
import { warn } from "../../warnings.js";
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
 * Reads NumPy arrays: an NPZ file, a folder of NPY files, or one NPY file where only inputs are needed. The arrays are
 * `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test` (with `x_val`, `y_val`, if there are), in upper or lower
 * case; the first axis counts samples.
 *
 * Samples of bytes with two axes are grey images; samples that look like (H, W, C) have their channels moved first,
 * which is said. Targets of texts and of whole numbers are classes, and so are floats that only count classes and
 * one-hot rows, which is said too; others are a regression.
 *
 * @throws DataError if arrays are missing, do not fit each other, or hold a value that is not finite, naming its row
 * and column
 * @throws FormatError if a file is damaged
 */
export function readArrays(path: string, options: ReadAsOptions): Source {
  const { arrays, fingerprint } = loadArrays(path);
  let dropped = 0;
  // What the first array is taken for holds for all parts.
  let taken = options;
  const part = (suffix: string): Samples => {
    const samples = samplesOf(path, arrays, suffix, taken);
    taken = { ...taken, layout: samples.layout, task: samples.targets?.task ?? taken.task };
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

/** The arrays of an NPZ file that have these names, upper and lower case told apart. */
export function readNamedArrays(path: string, names: readonly string[]): Arrays {
  const bytes = readBytes(path, path);
  const wanted = (file: string): string | null => {
    const name = file.replace(/\.npy$/, "");
    return names.includes(name) ? name : null;
  };
  return new Map(
    arraysIn(path, bytes, wanted, {}).map(([name, content]) => [
      name,
      parseNpy(content, join(basename(path), `${name}.npy`)),
    ]),
  );
}

/** The name of an array that is looked for; null for any other file. */
function arrayName(file: string): string | null {
  const name = file.replace(/\.npy$/, "").toLowerCase();
  return known.includes(name) ? name : null;
}

function readFile(path: string): [string, Uint8Array][] {
  const bytes = readBytes(path, path);
  return bytes[0] === 0x93 ? [["x", bytes]] : arraysIn(path, bytes);
}

/** What `numpy.savez(file, x, y)` calls arrays that were given no names. */
const unnamed: Readonly<Record<string, string>> = { "arr_0.npy": "x", "arr_1.npy": "y" };

/** The arrays in an NPZ file. What is not looked for is not unpacked, and nothing is written anywhere. */
function arraysIn(
  path: string,
  bytes: Uint8Array,
  nameOf: (file: string) => string | null = arrayName,
  others: Readonly<Record<string, string>> = unnamed,
): [string, Uint8Array][] {
  const fault = (received: string, cause?: unknown): FormatError =>
    new FormatError(
      { where: path, expected: "a whole NPZ file", received, cure: "Save it with numpy.savez." },
      { cause },
    );
  const keyOf = (file: string): string | null => nameOf(file) ?? (Object.hasOwn(others, file) ? file : null);
  const named = Object.entries(unzip(bytes, new FileBudget(path, bytes.length), keyOf, fault));
  if (named.every(([file]) => Object.hasOwn(others, file)))
    return named.map(([file, content]) => [others[file], content]);
  return named.flatMap(([file, content]) => {
    const name = nameOf(file);
    return name === null ? [] : [[name, content]];
  });
}

function samplesOf(
  path: string,
  arrays: Arrays,
  suffix: string,
  options: ReadAsOptions,
): Samples & { readonly dropped: number; readonly layout: ImageLayout } {
  const [x, y] = [arrays.get(`x${suffix}`), arrays.get(`y${suffix}`)];
  const names = { x: `x${suffix}`, y: `y${suffix}` };
  const fault = (expected: string, received: string, cure: string): DataError =>
    new DataError({ where: path, expected, received, cure });
  if (x === undefined || x.shape.length === 0 || x.values.length === 0) {
    throw fault(`samples in ${names.x}`, x === undefined ? "none" : formatShape(x.shape), "Save at least one sample.");
  }
  if (x.texts !== undefined) {
    throw fault(`numbers in ${names.x}`, `texts such as ${shown(x.texts[0])}`, "Save inputs as numbers.");
  }
  const layout = layoutOfArray(`${path}, ${names.x}`, x, options);
  const shape = layout === "nhwc" ? channelsFirst(x.shape.slice(1)) : sampleShape(x);
  const stored = layout === "nhwc" ? moveChannelsFirst(x.values, x.shape.slice(1)) : x.values;
  const [count] = x.shape;
  const needsTargets = options.hasTargets !== false;
  if (needsTargets && (y === undefined || y.shape[0] !== count)) {
    const received = y === undefined ? "none" : formatShape(y.shape);
    throw fault(`${count} targets in ${names.y}, as ${names.x} has samples`, received, "Save one for each sample.");
  }
  const targets = needsTargets && y !== undefined ? targetsOf(path, names.y, y, options) : null;
  const bad = badRows(path, names, x, targets, options.skipBadRows);
  if (bad.size === 0) return { ...arraySamples(stored, shape, targets, undefined, layout), dropped: 0, layout };
  const kept = Array.from({ length: count }, (_, row) => row).filter((row) => !bad.has(row));
  if (kept.length === 0) throw fault("a sample that is finite", "none", "Replace the file.");
  const size = sizeOf(shape);
  const inputs = new Float64Array(kept.length * size);
  for (const [k, row] of kept.entries()) inputs.set(stored.subarray(row * size, (row + 1) * size), k * size);
  const ofKept = targets === null ? null : pick(targets, kept);
  return { ...arraySamples(inputs, shape, ofKept, kept, layout), dropped: bad.size, layout };
}

/**
 * Where the channels of an array of images stand: as told, as a model takes them, or as the sizes look, which is said.
 */
function layoutOfArray(where: string, x: NpyArray, { layout, inputShape }: ReadAsOptions): ImageLayout {
  const sample = x.shape.slice(1);
  const moved = sample.length === 3 ? channelsFirst(sample) : null;
  if (inputShape !== undefined) {
    const fits = (shape: Shape | null): boolean => shape !== null && sameShape(shape, inputShape);
    const isMoved = fits(moved) && (layout === "nhwc" || !fits(sample));
    if (isMoved && layout !== "nhwc") sayMoved(where, x.shape);
    return isMoved ? "nhwc" : "nchw";
  }
  if (layout !== undefined) {
    if (layout === "nchw" || moved !== null) return layout;
    throw new DataError({
      where,
      expected: "samples of three axes (H, W, C) for the layout nhwc",
      received: formatShape(sample),
      cure: "Leave the layout out.",
    });
  }
  const looks = layoutOf(sample);
  if (looks === null) {
    throw new DataError({
      where,
      expected: "images with the channels first (N, C, H, W), or a layout",
      received: `${formatShape(x.shape)}, which may be (N, H, W, C)`,
      cure: 'Save x.transpose(0, 3, 1, 2), or say which it is ({ layout: "nhwc" }, or "nchw").',
    });
  }
  if (looks === "nhwc") sayMoved(where, x.shape);
  return looks;
}

function sayMoved(where: string, shape: Shape): void {
  warn(
    `${where}: ${formatShape(shape)} is taken for (N, H, W, C), and the channels are moved first, as by transpose(0, 3, 1, 2). ` +
      'If they are first already, pass { layout: "nchw" }.',
  );
}

/** Of one sample: bytes with two axes are a grey image. */
function sampleShape({ shape, values }: NpyArray): Shape {
  const sample = shape.slice(1);
  if (sample.length === 0) return [1];
  return sample.length === 2 && values instanceof Uint8Array ? [1, ...sample] : sample;
}

/** From so many different whole numbers on, most of them alone, nobody can say whether they are classes. */
const manyNumbers = 20;

function targetsOf(path: string, name: string, y: NpyArray, { task }: ReadAsOptions): Targets {
  const outputs = sizeOf(y.shape.slice(1));
  const where = `${path}, ${name}`;
  const fault = (expected: string, received: string, cure: string): DataError =>
    new DataError({ where: path, expected, received, cure });
  if (y.texts !== undefined) {
    if (task === "regression")
      throw fault(`numbers in ${name}`, "texts", 'Save numbers, or pass { task: "classification" }.');
    if (outputs === 1) return { task: "classification", names: y.texts };
  }
  if (task === "regression") return { task, values: Float64Array.from(y.values), outputs };
  const oneHot = oneHotLabels(y.values, outputs);
  if (oneHot !== null) {
    if (task === undefined) sayOneHot(where, outputs);
    return { task: "classification", names: Array.from(oneHot, String) };
  }
  if (outputs !== 1 && (task === "classification" || y.isInteger || y.texts !== undefined)) {
    const cure = 'Save numpy.argmax(y, axis=1), or pass { task: "regression" }.';
    throw fault(`one class for each sample in ${name}`, formatShape(y.shape), cure);
  }
  if (task === undefined) {
    const areFinite = y.values.every((value) => Number.isFinite(value));
    const isList = outputs === 1 && areFinite && isClassList(y.values);
    if (!y.isInteger && !isList) {
      if (outputs === 1) sayNumbers(where, y.values);
      else sayLabelRows(where, y.values, outputs);
      return { task: "regression", values: Float64Array.from(y.values), outputs };
    }
    const count = new Set(y.values).size;
    if (!isList && count > manyNumbers && 2 * count > y.values.length) {
      throw fault(
        `classes, or numbers to predict, in ${name}`,
        `${count} different whole numbers in ${y.values.length} samples`,
        'Say which they are ({ task: "regression" }, or "classification").',
      );
    }
    if (!y.isInteger) sayClasses(where, y.values);
  }
  return { task: "classification", names: Array.from(y.values, (value) => String(value + 0)) };
}

function sayOneHot(where: string, outputs: number): void {
  warn(
    `${where}: one-hot rows of ${outputs} are taken for classes, as by numpy.argmax(y, axis=1). To predict them as numbers, pass ` +
      '{ task: "regression" }.',
  );
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
