import { ArgumentError } from "../errors.js";
import { type Shape, sizeOf } from "../shape.js";
import { type Moments, momentsOf } from "./moments.js";

/** How stored values become inputs: (value · scale − mean[c]) / deviation[c], c being the channel. */
export interface Preprocessing {
  /** @defaultValue 1; 1/255 for bytes */
  readonly scale?: number;
  /** One for each channel, or one for all. @defaultValue 0 */
  readonly mean?: readonly number[];
  /** One for each channel, or one for all; > 0. @defaultValue 1 */
  readonly deviation?: readonly number[];
}

/** Values as they are stored; bytes stay bytes until a batch is made of them. */
export type StoredValues = Uint8Array | Float32Array | Float64Array;

/** A loop that preprocesses one sample from its place in `from` to its place in `to`. */
export function channelTransform(
  shape: Shape,
  { scale = 1, mean = [0], deviation = [1] }: Preprocessing,
): (from: StoredValues, start: number, to: Float32Array, at: number) => void {
  const [channels, plane] = planesOf(shape);
  for (const [name, list] of Object.entries({ mean, deviation })) {
    const fits = list.length === 1 || list.length === channels;
    if (fits && list.every((value) => Number.isFinite(value) && (name === "mean" || value > 0))) continue;
    throw new ArgumentError({
      where: "arrayDataset({ preprocessing })",
      expected: `${name} to hold 1 or ${channels} finite numbers${name === "deviation" ? " above 0" : ""}`,
      received: `[${list.join(", ")}]`,
      cure: `Pass one ${name} for each channel.`,
    });
  }
  return (from, start, to, at) => {
    for (let c = 0; c < channels; c++) {
      const factor = scale / (deviation[c] ?? deviation[0]);
      const shift = -(mean[c] ?? mean[0]) / (deviation[c] ?? deviation[0]);
      for (let i = c * plane; i < (c + 1) * plane; i++) to[at + i] = from[start + i] * factor + shift;
    }
  };
}

/** How many channels there are, and how many values in each. */
function planesOf(shape: Shape): [channels: number, plane: number] {
  const channels = shape[0] ?? 1;
  return [channels, channels === 0 ? 0 : sizeOf(shape) / channels];
}

/**
 * What brings each channel to mean 0 and deviation 1 over some samples; a channel that does not vary keeps its scale.
 * Bytes are first brought to [0, 1].
 *
 * @param inputs - samples one after another, row-major
 * @param shape - of one sample: (C, …)
 * @param rows - the numbers of the samples that are looked at: those of training
 */
export function fitPreprocessing(inputs: StoredValues, shape: Shape, rows: ArrayLike<number>): Required<Preprocessing> {
  const [channels, plane] = planesOf(shape);
  const isBytes = inputs instanceof Uint8Array;
  const scale = isBytes ? 1 / 255 : 1;
  const fitted = Array.from({ length: channels }, (_, c) => {
    const starts = Array.from(rows, (row) => row * channels * plane + c * plane);
    return isBytes ? byteMoments(inputs, starts, plane) : momentsOf(gather(inputs, starts, plane));
  });
  return {
    scale,
    mean: fitted.map(({ mean }) => mean * scale),
    deviation: fitted.map(({ deviation }) => deviation * scale),
  };
}

function gather(inputs: StoredValues, starts: readonly number[], plane: number): Float64Array {
  const values = new Float64Array(starts.length * plane);
  for (const [k, start] of starts.entries()) values.set(inputs.subarray(start, start + plane), k * plane);
  return values;
}

/** Mean and deviation of bytes, by counting each of the 256 values. */
function byteMoments(inputs: Uint8Array, starts: readonly number[], plane: number): Moments {
  const counts = new Float64Array(256);
  for (const start of starts) for (let i = start; i < start + plane; i++) counts[inputs[i]]++;
  const total = starts.length * plane;
  const mean = counts.reduce((sum, count, value) => sum + count * value, 0) / total;
  const deviation = Math.sqrt(counts.reduce((sum, count, value) => sum + count * (value - mean) ** 2, 0) / total);
  return { mean, deviation: deviation > 0 ? deviation : 1 };
}
