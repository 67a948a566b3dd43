// A plan of a convolution, one axis at a time: see conv-plan.ts.

/** What a tap is along one axis: which phase's plane it reads, and how far from the result's position. */
interface AxisTap {
  readonly phase: number;
  readonly shift: number;
}

/** Where the source's values lie along one axis of a phase's planes. */
interface AxisPhase {
  /** Zeros before the first value. */
  readonly zeros: number;
  /** The first value's index in the source; the others follow at the axis's step. */
  readonly start: number;
  readonly count: number;
}

/** A stretch of results along one axis that share their taps. */
interface AxisJob {
  /** Places of its taps in the kernel. */
  readonly places: readonly number[];
  readonly taps: readonly AxisTap[];
  /** The first result's index, and how many there are. */
  readonly first: number;
  readonly count: number;
}

/** One axis of a plan. */
export interface Axis {
  /** Length of the planes. */
  readonly length: number;
  /** Step between the source's values in a phase, and between the results of a job. */
  readonly sourceStep: number;
  readonly resultStep: number;
  readonly phases: readonly AxisPhase[];
  readonly jobs: readonly AxisJob[];
}

/** 0 … count − 1 */
export const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** The smallest and the largest of values of which there may be more than a call takes arguments; ∞ and −∞ of none. */
export const smallest = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b), Infinity);
export const largest = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), -Infinity);

/** The taps of a kernel by the remainder modulo the stride that they have, in the order in which remainders come up. */
function tapsByRemainder(kernel: number, stride: number, dilation: number): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const k of range(kernel)) {
    const remainder = (k * dilation) % stride;
    const group = groups.get(remainder);
    if (group === undefined) groups.set(remainder, [k]);
    else group.push(k);
  }
  return groups;
}

/** One axis of the forward direction: a plane per remainder modulo the stride that a tap has, one job. */
export function forwardAxis(
  size: number,
  out: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
): Axis {
  const length = out + Math.floor(((kernel - 1) * dilation) / stride);
  const remainders = [...tapsByRemainder(kernel, stride, dilation).keys()];
  const phaseOf = new Map(remainders.map((remainder, phase) => [remainder, phase]));
  const phases = remainders.map((remainder) => {
    const zeros = Math.min(Math.max(0, Math.ceil((padding - remainder) / stride)), length);
    const end = Math.min(length, Math.ceil((size + padding - remainder) / stride));
    return { zeros, start: zeros * stride + remainder - padding, count: Math.max(0, end - zeros) };
  });
  const places = range(kernel);
  const taps = places.map((k) => ({
    phase: phaseOf.get((k * dilation) % stride) ?? 0,
    shift: Math.floor((k * dilation) / stride),
  }));
  return { length, sourceStep: stride, resultStep: 1, phases, jobs: [{ places, taps, first: 0, count: out }] };
}

/**
 * One axis of the input's gradient: dx[i] = Σ dy[q − ⌊k·dilation/stride⌋]·w[k] over the k whose k·dilation has the
 * remainder of i + padding = q·stride + remainder. One plane, a job per remainder.
 */
export function gradientAxis(
  size: number,
  out: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
): Axis {
  const taps = tapsByRemainder(kernel, stride, dilation);
  const parts = range(Math.min(stride, size)).map((part) => {
    // Counted from the first value of the input, so that every part has one.
    const remainder = (part + padding) % stride;
    const places = taps.get(remainder) ?? [];
    const shifts = places.map((k) => Math.floor((k * dilation) / stride));
    return {
      places,
      shifts,
      first: part,
      q: (part + padding - remainder) / stride,
      count: Math.ceil((size - part) / stride),
    };
  });
  const reading = parts.filter(({ places }) => places.length > 0);
  const low = smallest(reading.map(({ q, shifts }) => q - largest(shifts)));
  const high = largest(reading.map(({ q, count, shifts }) => q + count - smallest(shifts)));
  const jobs = parts.map(({ places, shifts, first, q, count }) => ({
    places,
    taps: shifts.map((shift) => ({ phase: 0, shift: q - shift - low })),
    first,
    count,
  }));
  if (reading.length === 0) {
    return { length: 0, sourceStep: 1, resultStep: stride, phases: [{ zeros: 0, start: 0, count: 0 }], jobs };
  }
  const start = Math.max(0, low);
  const zeros = Math.min(Math.max(0, -low), high - low);
  const phases = [{ zeros, start, count: Math.max(0, Math.min(out, high) - start) }];
  return { length: high - low, sourceStep: 1, resultStep: stride, phases, jobs };
}
