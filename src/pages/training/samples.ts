import type { ModelMeta } from "../../formats/model-file/save-model.js";
import { sizeOf } from "../../shape.js";
import { type Pixels, pngUrl } from "../png.js";

/** An image is shown at this size at most, in pixels. */
const mostPixels = 96;

/** The shape of images, if that is what a model was trained on. */
function imageShapeOf({ inputShape }: ModelMeta): readonly [channels: 1 | 3, height: number, width: number] | null {
  if (inputShape?.length !== 3) return null;
  const [channels, height, width] = inputShape;
  return (channels === 1 || channels === 3) && height > 1 && width > 1 ? [channels, height, width] : null;
}

/** The image that a model was given, as a `data:` URL: preprocessing undone, and made smaller where it is large. */
export function imageUrl(inputs: Float32Array, meta: ModelMeta): string | null {
  const shape = imageShapeOf(meta);
  return shape === null ? null : pngUrl(shrink(inputs, shape, bytesOf(inputs, meta)));
}

/** A function of channel and value that gives the byte to show. */
function bytesOf(inputs: Float32Array, { preprocessing }: ModelMeta): (channel: number, value: number) => number {
  if (preprocessing?.scale !== undefined) {
    const { scale, mean = [0], deviation = [1] } = preprocessing;
    return (c, value) => (value * (deviation[c] ?? deviation[0]) + (mean[c] ?? mean[0])) / scale;
  }
  // Of what was no bytes the range is not known: the image's own is taken.
  const low = inputs.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = inputs.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  return (_, value) => (high > low ? (255 * (value - low)) / (high - low) : 0);
}

/** (C, H, W) as bytes in the order of pixels, each the mean of a square where the image is too large. */
function shrink(
  inputs: Float32Array,
  [channels, height, width]: readonly [1 | 3, number, number],
  byteOf: (channel: number, value: number) => number,
): Pixels {
  const side = Math.ceil(Math.max(height, width) / mostPixels);
  const [rows, columns] = [Math.ceil(height / side), Math.ceil(width / side)];
  const values = new Uint8ClampedArray(rows * columns * channels);
  for (let c = 0; c < channels; c++) {
    for (let r = 0; r < rows; r++) {
      for (let k = 0; k < columns; k++) {
        let total = 0;
        let count = 0;
        for (let y = r * side; y < Math.min(height, (r + 1) * side); y++) {
          for (let x = k * side; x < Math.min(width, (k + 1) * side); x++) {
            total += inputs[(c * height + y) * width + x];
            count++;
          }
        }
        values[(r * columns + k) * channels + c] = byteOf(c, total / count);
      }
    }
  }
  return { values: new Uint8Array(values.buffer), width: columns, height: rows, channels };
}

/** A table of samples shows no more columns of theirs than these. */
const mostColumns = 8;

/** Names of what is shown of each sample: the columns of a table, or the numbers of the inputs. */
export function inputNames({ table, inputShape = [] }: ModelMeta): string[] {
  const names = table?.inputs.map(({ name }) => name);
  return (names ?? Array.from({ length: sizeOf(inputShape) }, (_, k) => `input ${k}`)).slice(0, mostColumns);
}

/** The numbers that a model was given of a sample, where its data are no table. */
export function inputCells(inputs: Float32Array): number[] {
  return Array.from(inputs.subarray(0, mostColumns));
}

/** What stood in the columns of a sample's row. */
export function originalCells(cells: readonly string[]): string[] {
  return cells.slice(0, mostColumns).map((cell) => cell.trim() || "missing");
}
