/** How an axis goes from one size to another. */
export interface AxisResize {
  readonly from: number;
  readonly to: number;
  /** By how much the axis grows: `to / from`, or what the file says, of which `to` is the whole part. */
  readonly scale: number;
  /** Of `tf_crop_and_resize`: where the part that is taken begins and ends, in parts of the axis. */
  readonly part: readonly [start: number, end: number];
}

/** What a Resize node says of all its axes. */
export interface ResizeMode {
  readonly kind: "nearest" | "linear" | "cubic";
  readonly transformation: string;
  readonly rounding: string;
  /** Of cubic: the slope at distance 1. */
  readonly coefficient: number;
  /** Of cubic: whether places outside weigh nothing, else they have the value at the edge. */
  readonly excludesOutside: boolean;
}

/** Where a place of the result lies on the axis, by each way to count; undefined if there is no such way. */
export function placeOn(
  { from, to, scale, part: [start, end] }: AxisResize,
  transformation: string,
  x: number,
): number | undefined {
  switch (transformation) {
    case "half_pixel":
      return (x + 0.5) / scale - 0.5;
    case "half_pixel_symmetric":
      return (from / 2) * (1 - to / (from * scale)) + (x + 0.5) / scale - 0.5;
    case "pytorch_half_pixel":
      return to > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case "align_corners":
      return to > 1 ? (x * (from - 1)) / (to - 1) : 0;
    case "asymmetric":
      return x / scale;
    case "tf_half_pixel_for_nn":
      return (x + 0.5) / scale;
    case "tf_crop_and_resize":
      return to > 1
        ? start * (from - 1) + (x * (end - start) * (from - 1)) / (to - 1)
        : 0.5 * (start + end) * (from - 1);
    default:
      return undefined;
  }
}

/** How a place between two becomes one of them; undefined if there is no such way. */
export function roundedPlace(rounding: string, place: number): number | undefined {
  switch (rounding) {
    case "round_prefer_floor":
      return Math.ceil(place - 0.5);
    case "round_prefer_ceil":
      return Math.floor(place + 0.5);
    case "floor":
      return Math.floor(place);
    case "ceil":
      return Math.ceil(place);
    default:
      return undefined;
  }
}

/** What each of the places around one weighs (Keys 1981, eq. 4, for cubic), the first of them at `first`. */
export function weightsAround(
  { kind, coefficient: a }: ResizeMode,
  place: number,
): { first: number; weights: number[] } {
  const first = Math.floor(place);
  const t = place - first;
  if (kind === "linear") return { first, weights: [1 - t, t] };
  const near = (d: number): number => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number): number => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return { first: first - 1, weights: [far(1 + t), near(t), near(1 - t), far(2 - t)] };
}
