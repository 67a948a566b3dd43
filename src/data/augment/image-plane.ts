/** One image of a batch: C planes of height × width from `start` on. */
export interface Planes {
  readonly values: Float32Array;
  readonly start: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** The images of a batch (N, C, H, W). */
export function planesOf(values: Float32Array, shape: readonly number[]): Planes[] {
  const [count, channels, height, width] = shape;
  const size = channels * height * width;
  return Array.from({ length: count }, (_, k) => ({ values, start: k * size, channels, height, width }));
}

/** Fills every pixel of an image from its former self: `at(y, x)` reads a plane. */
export function redraw(
  { values, start, channels, height, width }: Planes,
  pixel: (plane: Float32Array, y: number, x: number) => number,
): void {
  for (let c = 0; c < channels; c++) {
    const from = start + c * height * width;
    const plane = values.slice(from, from + height * width);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) values[from + y * width + x] = pixel(plane, y, x);
    }
  }
}

/** The nearest place inside, `most` being the last: the edge is repeated. */
export function nearestInside(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most);
}

/** A plane between its pixels, whose centres lie at whole numbers; the edge is repeated. */
export function bilinear(plane: Float32Array, { height, width }: Planes, y: number, x: number): number {
  const fromY = nearestInside(y, height - 1);
  const fromX = nearestInside(x, width - 1);
  const x0 = Math.floor(fromX);
  const x1 = Math.min(x0 + 1, width - 1);
  const upper = Math.floor(fromY) * width;
  const lower = Math.min(upper + width, (height - 1) * width);
  const right = fromX - x0;
  const down = fromY - Math.floor(fromY);
  const above = plane[upper + x0] * (1 - right) + plane[upper + x1] * right;
  const below = plane[lower + x0] * (1 - right) + plane[lower + x1] * right;
  return above * (1 - down) + below * down;
}
