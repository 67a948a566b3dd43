import type { Dataset, TensorData } from "../../data/dataset.js";
import { drawRows } from "../../data/draw-rows.js";
import { type ImageLayout, layoutOf } from "../../data/image-layout.js";
import type { StoredValues } from "../../data/preprocessing.js";
import { subset } from "../../data/subset.js";
import { ArgumentError, DataError } from "../../errors.js";
import { sizeOf } from "../../shape.js";
import type { DataPart } from "./load-data-as.js";
import { readSource } from "./read-source.js";
import type { Samples } from "./samples.js";
import type { Source } from "./source.js";

/** What one input of a model of another system is. */
export interface ForeignInput {
  /** What messages call it. */
  readonly name: string;
  /** Sizes without the axis of samples; texts or numbers below 1 where they are left open. */
  readonly shape: readonly (number | string)[];
  /** Whether it takes real numbers; else bytes stay what they are. */
  readonly isReal: boolean;
}

/** Options of {@link loadForeignInputs}. */
export interface ForeignInputOptions {
  /** @defaultValue nhwc where the last of three axes is 1, 3 or 4 and the first is not, else nchw */
  readonly layout?: ImageLayout | undefined;
  /** Images: height and width to bring them to. @defaultValue the model's, else the images' own */
  readonly size?: readonly [height: number, width: number] | undefined;
  /** What values are multiplied by. @defaultValue 1/255 for bytes where the model takes real numbers, else 1 */
  readonly scale?: number | undefined;
  /** What is then subtracted from each channel; one number, or one for each. @defaultValue 0 */
  readonly mean?: readonly number[] | undefined;
  /** What is then divided by; one number, or one for each channel, > 0. @defaultValue 1 */
  readonly std?: readonly number[] | undefined;
  /** At most so many samples, drawn by `seed`. @defaultValue all */
  readonly samples?: number | undefined;
  /** @defaultValue 0 */
  readonly seed?: number | undefined;
  /** Data in parts: which. @defaultValue train */
  readonly part?: DataPart | undefined;
  /** CSV: columns to leave out. @defaultValue none */
  readonly ignore?: readonly string[] | undefined;
  /** Leave out what cannot be used instead of refusing it. @defaultValue false */
  readonly skipBadRows?: boolean | undefined;
}

/** Inputs as a model of another system takes them; there are no targets. */
export type ForeignInputs = Dataset<null>;

/**
 * Loads data for a model that does not say how its inputs were made: (value · scale − mean) / std in each channel.
 *
 * @param source - a folder of images, or of folders of images; an NPY or NPZ (`x`) file, as the model takes it; a CSV
 * file of numbers
 * @throws ArgumentError if an option does not fit the model
 * @throws DataError if data do not fit the model, or cannot be used
 */
export async function loadForeignInputs(
  source: string,
  input: ForeignInput,
  options: ForeignInputOptions = {},
): Promise<ForeignInputs> {
  const { samples: most = Number.POSITIVE_INFINITY, seed = 0, ignore, skipBadRows } = options;
  const layout = options.layout ?? layoutOf(input.shape) ?? "nchw";
  const read = await readSource(source, {
    hasTargets: false,
    draw: { samples: most, seed },
    ignore,
    skipBadRows,
    // Arrays are as the model takes them.
    layout: "nchw",
    ...imageOptions(input, layout, options.size),
  });
  const samples = choose(source, read, options.part);
  const stored = samples.encode({});
  const shape = read.noun === "images" && layout === "nhwc" ? channelsLast(stored.shape) : stored.shape;
  const sizes = fit(source, input, shape);
  const normalize = normalizer(input, layout, sizes, stored.inputs, options);
  const width = sizeOf(sizes);
  const order = read.noun === "images" && layout === "nhwc" ? interleaved(stored.shape) : null;
  const dataset: ForeignInputs = {
    length: samples.length,
    batch(rows): { readonly inputs: TensorData; readonly targets: null } {
      const values = new Float32Array(rows.length * width);
      for (let k = 0; k < rows.length; k++) {
        const start = rows[k] * width;
        for (let i = 0; i < width; i++) {
          values[k * width + i] = normalize(stored.inputs[start + (order === null ? i : order[i])], i);
        }
      }
      return { inputs: { values, shape: [rows.length, ...sizes] }, targets: null };
    },
  };
  return subset(dataset, drawRows(dataset.length, most, seed));
}

function isKnown(size: number | string): size is number {
  return typeof size === "number" && size > 0;
}

/** How image files are read for a model; nothing where it does not take images. */
function imageOptions(
  { name, shape }: ForeignInput,
  layout: ImageLayout,
  size: ForeignInputOptions["size"],
): { readonly channels?: 1 | 3; readonly imageSize?: readonly [number, number] } {
  if (shape.length !== 3) {
    if (size === undefined) return {};
    const expected = `no size, since the model's input ${name} of shape ${shown(shape)} takes no images`;
    throw new ArgumentError({
      where: "loadForeignInputs(source, input, { size })",
      expected,
      received: size.join("x"),
      cure: "Leave it out.",
    });
  }
  const [channels, ...own] = layout === "nchw" ? shape : [shape[2], shape[0], shape[1]];
  const wrong = size?.findIndex((extent, k) => isKnown(own[k]) && own[k] !== extent) ?? -1;
  if (size !== undefined && wrong >= 0) {
    const expected = `the ${own.join("x")} that the model's input ${name} takes`;
    throw new ArgumentError({
      where: "loadForeignInputs(source, input, { size })",
      expected,
      received: size.join("x"),
      cure: "Leave it out.",
    });
  }
  const given = size ?? (own.every(isKnown) ? ([own[0], own[1]] as const) : undefined);
  return {
    ...(channels === 1 || channels === 3 ? { channels } : isKnown(channels) ? {} : { channels: 3 }),
    ...(given === undefined ? {} : { imageSize: given as readonly [number, number] }),
  };
}

function choose(source: string, { parts }: Source, part: DataPart | undefined): Samples {
  const fault = (received: string): ArgumentError =>
    new ArgumentError({
      where: "loadForeignInputs(source, input, { part })",
      expected: `a part that ${source} has`,
      received,
      cure: "Leave it out.",
    });
  if ("all" in parts) {
    if (part === undefined || part === "all") return parts.all;
    throw fault(part);
  }
  const wanted = part ?? "train";
  const found = wanted === "all" ? null : parts[wanted];
  if (found === null) throw fault(wanted);
  return found;
}

/** The sizes of a sample as the model takes it: its own, where they only differ in axes of one. */
function fit(source: string, { name, shape }: ForeignInput, given: readonly number[]): readonly number[] {
  if (shape.length === given.length && shape.every((size, k) => !isKnown(size) || size === given[k])) return given;
  const known = shape.filter(isKnown);
  const squeezed = (sizes: readonly number[]): string => sizes.filter((size) => size !== 1).join();
  if (known.length === shape.length && squeezed(known) === squeezed(given)) return known;
  throw new DataError({
    where: source,
    expected: `samples of ${shown(shape)}, as the model's input ${name} takes them`,
    received: shown(given),
    cure: "Reshape the data, or pass another { size } or { layout }.",
  });
}

function shown(shape: readonly (number | string)[]): string {
  return shape.map((size) => (isKnown(size) ? size : "?")).join("×") || "one number";
}

/** (value · scale − mean[c]) / std[c], c being the channel of an element. */
function normalizer(
  { isReal }: ForeignInput,
  layout: ImageLayout,
  sizes: readonly number[],
  stored: StoredValues,
  { scale = isReal && stored instanceof Uint8Array ? 1 / 255 : 1, mean = [0], std = [1] }: ForeignInputOptions,
): (value: number, element: number) => number {
  const channels = (layout === "nhwc" ? sizes[sizes.length - 1] : sizes[0]) ?? 1;
  const plane = sizeOf(sizes) / channels;
  for (const [option, list] of Object.entries({ mean, std })) {
    const fits = list.length === 1 || list.length === channels;
    if (fits && list.every((value) => Number.isFinite(value) && (option === "mean" || value > 0))) continue;
    throw new ArgumentError({
      where: `loadForeignInputs(source, input, { ${option} })`,
      expected: `1 or ${channels} finite numbers${option === "std" ? " above 0" : ""}, one for each channel`,
      received: list.join(","),
      cure: `Pass one for each of the ${channels} channels of ${layout}, or one for all.`,
    });
  }
  const factor = Float64Array.from({ length: channels }, (_, c) => scale / (std[c] ?? std[0]));
  const shift = Float64Array.from({ length: channels }, (_, c) => (mean[c] ?? mean[0]) / (std[c] ?? std[0]));
  return (value, element) => {
    const c = layout === "nhwc" ? element % channels : Math.floor(element / plane);
    return value * factor[c] - shift[c];
  };
}

function channelsLast([channels, ...spatial]: readonly number[]): readonly number[] {
  return [...spatial, channels];
}

/** Where in (C, …) each element of (…, C) stands. */
function interleaved([channels, ...spatial]: readonly number[]): Uint32Array {
  const plane = sizeOf(spatial);
  return Uint32Array.from({ length: channels * plane }, (_, i) => (i % channels) * plane + Math.floor(i / channels));
}
