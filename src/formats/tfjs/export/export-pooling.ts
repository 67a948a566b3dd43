import { type AvgPoolOptions, type PoolWindows, poolWindows } from "../../../ops/pool.js";
import type { Shape } from "../../../shape.js";
import { zeroPadded } from "./export-convolutions.js";
import { scaled } from "./export-norms.js";
import type { TfjsValue } from "./tfjs-value.js";
import type { TfjsWriter } from "./tfjs-writer.js";

/** Pooling as an op has it: of one, two or three axes. */
export interface Pool {
  readonly kernel: unknown;
  readonly options: AvgPoolOptions<unknown, unknown>;
}

type Sizes = readonly [down: number, across: number];
type Kind = "Max" | "Average";

/**
 * Windows as TF.js has them: without padding, or with the zeros that it chooses itself; `null` where neither are these.
 */
interface Windows extends PoolWindows {
  readonly mode: "valid" | "same" | null;
  /** What the windows reach of beyond the values, on both sides of each axis. */
  readonly reach: readonly Sizes[];
}

function windowsOf(windows: PoolWindows, sizes: Shape): Windows {
  const { kernel, stride, padding, counts } = windows;
  const reach = sizes.map((size, k): Sizes => {
    const [before] = padding[k];
    return [before, Math.max(0, (counts[k] - 1) * stride[k] + kernel[k] - size - before)];
  });
  const isValid = reach.flat().every((size) => size === 0);
  const isSame = sizes.every((size, k) => {
    const total = Math.max(0, (counts[k] - 1) * stride[k] + kernel[k] - size);
    return counts[k] === Math.ceil(size / stride[k]) && Math.floor(total / 2) === padding[k][0];
  });
  return { ...windows, mode: isValid ? "valid" : isSame ? "same" : null, reach };
}

function poolLayer(kind: Kind, windows: Windows, x: TfjsValue, graph: TfjsWriter, isPositive: boolean): TfjsValue {
  const { kernel, stride, counts, mode } = windows;
  const config = { pool_size: kernel, strides: stride, data_format: "channels_last", padding: mode ?? "valid" };
  const shape = [x.shape[0], ...counts];
  return graph.layer(`${kind}Pooling${kernel.length}D`, [x], config, { shape, isPositive });
}

/** The maxima or means of windows; signals whose padding TF.js does not have are planes of one column. */
export function exportPool(kind: Kind, { kernel, options }: Pool, x: TfjsValue, graph: TfjsWriter): TfjsValue {
  const windows = poolWindows("exportTfjs(model)", [1, ...x.shape], kernel, options);
  const last = graph.channelsLast(x);
  const [channels, ...sizes] = x.shape;
  const countsPadding = kind === "Average" && options.countIncludePad === true;
  const isFramed = countsPadding && windows.padding.flat().some((size) => size > 0);
  const known = windowsOf(windows, sizes);
  if (known.mode !== null && !isFramed) return poolLayer(kind, known, last, graph, x.isPositive);
  if (sizes.length === 2) return exportPlanePool(kind, windows, last, graph, isFramed);
  if (sizes.length === 1) {
    const plane = graph.reshape(last, [sizes[0], 1, channels], { shape: [channels, sizes[0], 1] });
    const column: PoolWindows = {
      ...{ kernel: [...windows.kernel, 1], stride: [...windows.stride, 1], counts: [...windows.counts, 1] },
      padding: [...windows.padding, [0, 0]],
    };
    const y = exportPlanePool(kind, column, plane, graph, isFramed);
    const [count] = windows.counts;
    return graph.reshape(graph.channelsLast(y), [count, channels], { shape: [channels, count], order: "channelsLast" });
  }
  return graph.refuse(
    'pooling of volumes without padding, or with padding "same", as TF.js has it',
    `padding ${JSON.stringify(options.padding ?? 0)}${options.ceilMode ? ", ceilMode" : ""}`,
    "Use such windows.",
  );
}

/** @param isFramed - whether zeros of the padding count */
function exportPlanePool(
  kind: Kind,
  windows: PoolWindows,
  x: TfjsValue,
  graph: TfjsWriter,
  isFramed: boolean,
): TfjsValue {
  const [down, across] = windows.padding;
  const source = isFramed ? zeroPadded(x, [down[0], across[0]], [down[1], across[1]], graph) : x;
  const padding = isFramed ? windows.padding.map((): Sizes => [0, 0]) : windows.padding;
  const known = windowsOf({ ...windows, padding }, source.shape.slice(1));
  if (known.mode !== null) return poolLayer(kind, known, source, graph, x.isPositive);
  return kind === "Max" ? planeMaxima(known, source, graph) : planeMeans(known, source, graph);
}

/** Around planes what no window takes for its largest value. */
function planeMaxima(windows: Windows, x: TfjsValue, graph: TfjsWriter): TfjsValue {
  const [[above, below], [left, right]] = windows.reach;
  const framed = (plane: TfjsValue): TfjsValue => zeroPadded(plane, [above, left], [below, right], graph);
  const padded = framed(x);
  if (x.isPositive) return poolLayer("Max", windows, padded, graph, true);
  // A plane of ones, which zeros surround, becomes zeros in a frame of numbers that are as low as can be.
  const ones = scaled(x, { gamma: () => 0, beta: () => 1 }, "ones", graph);
  const frame = scaled(framed(ones), { gamma: () => lowest, beta: () => -lowest }, "frame", graph);
  const low = graph.layer("Add", [padded, frame], {}, { role: "framed" });
  return poolLayer("Max", windows, low, graph, false);
}

const lowest = 3e38;

function planeMeans(windows: Windows, x: TfjsValue, graph: TfjsWriter): TfjsValue {
  const { kernel, stride, reach, counts, padding } = windows;
  const [[above, below], [left, right]] = reach;
  const padded = zeroPadded(x, [above, left], [below, right], graph);
  const averages = poolLayer("Average", windows, padded, graph, x.isPositive);
  // Zeros were counted: each place is brought to the average of what is really there.
  const real = (place: number, k: 0 | 1): number => {
    const start = place * stride[k] - padding[k][0];
    return Math.min(start + kernel[k], x.shape[k + 1]) - Math.max(start, 0);
  };
  const channels = x.shape[0];
  const places = counts[0] * counts[1];
  const rows = graph.reshape(averages, [places, channels], { shape: [channels, places] });
  const factor = (k: number): number =>
    (kernel[0] * kernel[1]) / (real(Math.floor(k / counts[1]), 0) * real(k % counts[1], 1));
  const evened = scaled(graph.here(rows), { gamma: factor }, "counts", graph);
  const options = { shape: [channels, ...counts], order: "channelsLast", isPositive: x.isPositive } as const;
  return graph.reshape(graph.channelsLast(evened), [...counts, channels], options);
}

/** Windows of one size and side by side, as many as are asked for. */
export function exportAdaptivePool(op: string, x: TfjsValue, graph: TfjsWriter, shape: Shape): TfjsValue {
  const [, ...counts] = shape;
  const [, ...sizes] = x.shape;
  if (sizes.every((size, k) => size % counts[k] === 0)) {
    return exportPool("Average", { kernel: kernelOf(sizes, counts), options: {} }, x, graph);
  }
  return graph.refuse(
    "adaptive pooling whose output divides the planes, as pooling layers have it",
    `${op} of ${sizes.join("×")} to ${counts.join("×")}`,
    "Choose a divisor of each size.",
  );
}

function kernelOf(sizes: Shape, counts: Shape): number | number[] {
  const kernel = sizes.map((size, k) => size / counts[k]);
  return kernel.length === 1 ? kernel[0] : kernel;
}
