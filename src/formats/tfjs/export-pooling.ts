import type { PoolOptions } from "../../ops/pool2d.js";
import type { Pair } from "../../ops/windows.js";
import type { Shape } from "../../shape.js";
import { pad } from "./export-convolutions.js";
import { scaled } from "./export-norms.js";
import type { TfjsValue } from "./tfjs-value.js";
import type { TfjsWriter } from "./tfjs-writer.js";

interface Pool {
  readonly kernel: Pair;
  readonly options: PoolOptions;
}

type Sizes = readonly [down: number, across: number];

/** Windows as TF.js has them: without padding, or with the zeros that it chooses itself; `null` where neither are these. */
interface Windows {
  readonly config: { readonly pool_size: Sizes; readonly strides: Sizes };
  readonly padding: "valid" | "same" | null;
  readonly before: Sizes;
  readonly after: Sizes;
  /** How many windows, and how many values one has along each axis. */
  readonly counts: Sizes;
}

function windowsOf({ kernel, options }: Pool, { shape }: TfjsValue, output: Shape): Windows {
  const both = (pair: Pair): Sizes => (typeof pair === "number" ? [pair, pair] : [pair[0], pair[1]]);
  const [size, stride, before] = [both(kernel), both(options.stride ?? kernel), both(options.padding ?? 0)];
  const counts: Sizes = [output[1], output[2]];
  const along = (k: 0 | 1) => {
    const reach = (counts[k] - 1) * stride[k] + size[k];
    const total = Math.max(0, reach - shape[k + 1]);
    const isSame = counts[k] === Math.ceil(shape[k + 1] / stride[k]) && Math.floor(total / 2) === before[k];
    return {
      isSame,
      isValid: before[k] === 0 && reach <= shape[k + 1],
      after: Math.max(0, reach - shape[k + 1] - before[k]),
    };
  };
  const axes = [along(0), along(1)];
  const padding = axes.every(({ isValid }) => isValid) ? "valid" : axes.every(({ isSame }) => isSame) ? "same" : null;
  const config = { pool_size: size, strides: stride, data_format: "channels_last" };
  return { config, padding, before, after: [axes[0].after, axes[1].after], counts };
}

export function exportMaxPool2d(layer: Pool, x: TfjsValue, graph: TfjsWriter, shape: Shape): TfjsValue {
  const last = graph.channelsLast(x);
  const { config, padding, before, after } = windowsOf(layer, last, shape);
  const source = padding === null ? padLow(last, before, after, graph) : last;
  const options = { shape, isPositive: x.isPositive };
  return graph.layer("MaxPooling2D", [source], { ...config, padding: padding ?? "valid" }, options);
}

/** Around planes what no window takes for its largest value. */
function padLow(x: TfjsValue, before: Sizes, after: Sizes, graph: TfjsWriter): TfjsValue {
  const padded = pad(x, before, after, graph);
  if (x.isPositive) return padded;
  // A plane of ones, which zeros surround, becomes zeros in a frame of numbers that are as low as can be.
  const ones = scaled(x, { gamma: () => 0, beta: () => 1 }, "ones", graph);
  const frame = scaled(pad(ones, before, after, graph), { gamma: () => lowest, beta: () => -lowest }, "frame", graph);
  return graph.layer("Add", [padded, frame], {}, { role: "framed" });
}

const lowest = 3e38;

export function exportAvgPool2d(layer: Pool, x: TfjsValue, graph: TfjsWriter, shape: Shape): TfjsValue {
  const last = graph.channelsLast(x);
  const { config, padding, before, after, counts } = windowsOf(layer, last, shape);
  const options = { shape, isPositive: x.isPositive };
  if (padding !== null) return graph.layer("AveragePooling2D", [last], { ...config, padding }, options);
  const padded = pad(last, before, after, graph);
  const averages = graph.layer("AveragePooling2D", [padded], { ...config, padding: "valid" }, options);
  // Zeros were counted: each place is brought to the average of what is really there.
  const { pool_size: size, strides } = config;
  const real = (place: number, k: 0 | 1): number => {
    const start = place * strides[k] - before[k];
    return Math.min(start + size[k], last.shape[k + 1]) - Math.max(start, 0);
  };
  const [channels, ...planes] = shape;
  const places = planes[0] * planes[1];
  const rows = graph.reshape(averages, [places, channels], { shape: [channels, places] });
  const factor = (k: number): number =>
    (size[0] * size[1]) / (real(Math.floor(k / counts[1]), 0) * real(k % counts[1], 1));
  const right = scaled(graph.here(rows), { gamma: factor }, "counts", graph);
  return graph.reshape(graph.channelsLast(right), [...planes, channels], { ...options, order: "channelsLast" });
}
