import type { Shape } from "../shape.js";

/** Where the channels of an image stand: before its rows, as in PyTorch, or behind them, as in TensorFlow. */
export type ImageLayout = "nchw" | "nhwc";

/** Numbers of channels that images usually have: grey, colours, colours with transparency. */
const usualChannels: readonly unknown[] = [1, 3, 4];

/**
 * How the sizes of one sample look: with the channels last where the last of three axes is 1, 3 or 4 and the first is
 * not, or both first are larger and equal; or, null, as if they might be (a square of other channels).
 */
export function layoutOf(sample: readonly (number | string)[]): ImageLayout | null {
  const [first, second, last] = sample;
  // Square planes of few channels rather than as many oblong ones.
  const isSquare = first === second && typeof first === "number" && typeof last === "number" && first > last;
  if (sample.length !== 3 || (usualChannels.includes(first) && !isSquare)) return "nchw";
  if (usualChannels.includes(last)) return "nhwc";
  return typeof first === "number" && first === second && typeof last === "number" && last > 0 && last < first
    ? null
    : "nchw";
}

/** The sizes (H, W, C) with the channels first. */
export function channelsFirst([height, width, channels]: Shape): Shape {
  return [channels, height, width];
}

/** Samples (H, W, C), one after another, as (C, H, W). */
export function moveChannelsFirst<Values extends Uint8Array | Float32Array | Float64Array>(
  values: Values,
  [height, width, channels]: Shape,
): Values {
  const moved = values.slice() as Values;
  const plane = height * width;
  for (let start = 0; start < values.length; start += plane * channels) {
    for (let i = 0; i < plane; i++) {
      for (let c = 0; c < channels; c++) moved[start + c * plane + i] = values[start + i * channels + c];
    }
  }
  return moved;
}
