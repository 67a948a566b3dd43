import { record } from "../autograd.js";
import type { PoolGeometry } from "../backend/backend.js";
import { checkOptions, type OptionNames } from "../options.js";
import type { Shape } from "../shape.js";
import { empty, type Tensor } from "../tensor.js";
import { type PadWidths, pad } from "./pad.js";
import { reshape } from "./reshape.js";
import { type PlanePadding, paddingWidths, resolvePadding } from "./window-padding.js";
import { checkReach, checkSpatial, outputSizes, type Pair, resolveSizes } from "./windows.js";

/** Options of {@link maxPool2d}; those of one and three dimensions differ in what a stride and padding are. */
export interface PoolOptions<Sizes = Pair, Padding = PlanePadding> {
  /** Step between windows. @defaultValue the kernel */
  readonly stride?: Sizes;
  /**
   * Places around each plane that hold no value; fewer than the kernel has, so that every window reaches a value.
   *
   * @defaultValue 0
   */
  readonly padding?: Padding;
  /**
   * Whether a last window that reaches beyond the padding counts, if it begins before the last value's end.
   *
   * @defaultValue false
   */
  readonly ceilMode?: boolean;
}

/** Options of {@link avgPool2d}. */
export interface AvgPoolOptions<Sizes = Pair, Padding = PlanePadding> extends PoolOptions<Sizes, Padding> {
  /** Whether padding counts as zeros; what lies beyond it never does. @defaultValue false, where PyTorch's is true */
  readonly countIncludePad?: boolean;
}

/** The options of the poolings by maxima. */
export const poolNames: OptionNames<PoolOptions> = { stride: true, padding: true, ceilMode: true };
/** The options of those by means. */
export const avgPoolNames: OptionNames<AvgPoolOptions> = { ...poolNames, countIncludePad: true };

/** Windows over the axes behind batch and channels. */
export interface PoolWindows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly PadWidths[];
  /** How many windows there are along each axis. */
  readonly counts: readonly number[];
}

/**
 * The windows of a pooling of (N, C, …).
 *
 * @throws ShapeError if none fits
 * @throws ArgumentError if a number is not whole or too small, or padding is not smaller than the kernel
 */
export function poolWindows(
  where: string,
  shape: Shape,
  kernelSize: unknown,
  options: PoolOptions<unknown, unknown>,
): PoolWindows {
  const axes = shape.length - 2;
  const kernel = resolveSizes(where, "kernel", kernelSize, 1, axes);
  const stride = resolveSizes(where, "stride", options.stride ?? kernel, 1, axes);
  const dilation = kernel.map(() => 1);
  const given = resolvePadding(where, options.padding ?? 0, axes);
  const padding = paddingWidths(given, shape.slice(2), { kernel, stride, dilation });
  checkReach(where, { kernel, padding });
  const counts = outputSizes(where, shape, { kernel, stride, padding, dilation }, options.ceilMode);
  return { kernel, stride, padding, counts };
}

/** What is made of each window of planes (N, C, H, W). */
type PlanePool = (op: string, x: Tensor, windows: PoolWindows) => Tensor;

function geometryOf(x: Tensor, { kernel, stride, padding, counts }: PoolWindows): PoolGeometry {
  const [batch, channels, height, width] = x.shape;
  return {
    ...{ planes: batch * channels, height, width, outHeight: counts[0], outWidth: counts[1] },
    ...{ kernel: [kernel[0], kernel[1]], stride: [stride[0], stride[1]], padding: [padding[0][0], padding[1][0]] },
  };
}

/**
 * What all windows of planes without values have, since they lie on padding alone; null if the planes have values. The
 * gradient is as empty as the planes.
 */
function ofPaddingAlone(op: string, x: Tensor, shape: Shape, value: number): Tensor | null {
  const { backend, shape: before } = x;
  if (before[2] * before[3] > 0) return null;
  const y = empty(op, backend, shape);
  backend.fill(y.block, y.size, value);
  return record(op, y, [x], [], () => [empty(op, backend, before)]);
}

const planeMaxima: PlanePool = (op, x, windows) => {
  const { backend, shape: before } = x;
  const shape = [...before.slice(0, 2), ...windows.counts];
  const constant = ofPaddingAlone(op, x, shape, Number.NEGATIVE_INFINITY);
  if (constant !== null) return constant;
  const geometry = geometryOf(x, windows);
  const y = empty(op, backend, shape);
  const indices = empty(op, backend, shape);
  backend.maxPool2d(x.block, y.block, indices.block, geometry);
  record(op, y, [x], [indices], (dy, [places]) => {
    const dx = empty(op, backend, before);
    backend.maxPool2dGradient(dy.block, places.block, dx.block, geometry);
    return [dx];
  });
  indices.dispose();
  return y;
};

const planeMeans: PlanePool = (op, x, windows) => {
  const { backend, shape: before } = x;
  const shape = [...before.slice(0, 2), ...windows.counts];
  const constant = ofPaddingAlone(op, x, shape, Number.NaN);
  if (constant !== null) return constant;
  const geometry = geometryOf(x, windows);
  const y = empty(op, backend, shape);
  backend.avgPool2d(x.block, y.block, geometry);
  return record(op, y, [x], [], (dy) => {
    const dx = empty(op, backend, before);
    backend.avgPool2dGradient(dy.block, dx.block, geometry);
    return [dx];
  });
};

/** A part of the windows: along some of their axes, and those of one place along others. */
function along(axes: readonly (number | null)[], { kernel, stride, padding, counts }: PoolWindows, rest: number) {
  const pick = <T>(values: readonly T[], otherwise: T): T[] =>
    axes.map((axis) => (axis === null ? otherwise : values[axis]));
  return {
    ...{ kernel: pick(kernel, 1), stride: pick(stride, 1) },
    ...{ padding: pick<PadWidths>(padding, [0, 0]), counts: pick(counts, rest) },
  };
}

/**
 * Pools signals, planes or volumes. A window of a volume is pooled over its planes first, then along its depth: of
 * equal values the first wins, and means of as many values each are means of all.
 */
function pooled(op: string, x: Tensor, windows: PoolWindows, pool: PlanePool): Tensor {
  const [batch, channels, ...sizes] = x.shape;
  const { counts } = windows;
  if (sizes.length === 2) return pool(op, x, windows);
  if (sizes.length === 1) {
    const rows = pool(op, reshape(x, [batch, channels, 1, sizes[0]]), along([null, 0], windows, 1));
    return reshape(rows, [batch, channels, ...counts]);
  }
  const [depth, height, width] = sizes;
  const planes = pool(op, reshape(x, [batch, channels * depth, height, width]), along([1, 2], windows, 0));
  const places = counts[1] * counts[2];
  const columns = pool(op, reshape(planes, [batch, channels, depth, places]), along([0, null], windows, places));
  return reshape(columns, [batch, channels, ...counts]);
}

/** The largest value of each window of x, which has so many axes behind batch and channels. */
export function maxPool(
  op: string,
  x: Tensor,
  axes: number,
  kernel: unknown,
  options: PoolOptions<unknown, unknown>,
): Tensor {
  const where = `${op}(x, kernel)`;
  checkOptions(where, options, poolNames);
  checkSpatial(where, x, axes);
  return pooled(op, x, poolWindows(where, x.shape, kernel, options), planeMaxima);
}

/** The mean of each window of x, which has so many axes behind batch and channels. */
export function avgPool(
  op: string,
  x: Tensor,
  axes: number,
  kernel: unknown,
  options: AvgPoolOptions<unknown, unknown>,
): Tensor {
  const where = `${op}(x, kernel)`;
  checkOptions(where, options, avgPoolNames);
  checkSpatial(where, x, axes);
  const windows = poolWindows(where, x.shape, kernel, options);
  const isPadded = windows.padding.some(([before, after]) => before + after > 0);
  if (options.countIncludePad !== true || !isPadded) return pooled(op, x, windows, planeMeans);
  const framed = pad(x, windows.padding);
  const y = pooled(op, framed, { ...windows, padding: windows.padding.map(() => [0, 0]) }, planeMeans);
  framed.dispose();
  return y;
}
