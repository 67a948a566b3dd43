/**
 * The same values for every peer, without a file: value i is a hash of (seed, i), so that Python can make them at once.
 * `pytorch.py` holds the same function.
 */

/** @type {(length: number, seed: number, bound: number) => Float32Array} uniform in [−bound, bound) */
export function uniform(length, seed, bound) {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = (hash(i, seed) / 2 ** 31 - 1) * bound;
  return values;
}

/** @type {(length: number, seed: number, classes: number) => Int32Array} */
export function labels(length, seed, classes) {
  return Int32Array.from({ length }, (_, i) => hash(i, seed) % classes);
}

/** @type {(i: number, seed: number) => number} an integer in [0, 2³²) */
function hash(i, seed) {
  let h = (Math.imul(i, 0x9e3779b9) + Math.imul(seed, 0x85ebca6b)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0;
}

/** Bound of the uniform distribution with variance 1. */
export const UNIT = Math.sqrt(3);

/** Seeds, one per role. Parameter k of a model has seed PARAMETER + k, counted over all parameters in order. */
export const SEED = { x: 1, dy: 2, weight: 3, bias: 4, labels: 5, digest: 6, parameter: 100 };

/**
 * (to, from): rows of what bilinear interpolation takes of each place along an axis, edges of planes upon each other.
 * @type {(from: number, to: number) => Float32Array}
 */
export function bilinearMatrix(from, to) {
  const matrix = new Float32Array(to * from);
  for (let row = 0; row < to; row++) {
    const place = Math.max(0, ((row + 0.5) * from) / to - 0.5);
    const low = Math.floor(place);
    matrix[row * from + low] += 1 - (place - low);
    matrix[row * from + Math.min(low + 1, from - 1)] += place - low;
  }
  return matrix;
}

/** @type {(shape: readonly number[]) => number} */
export const sizeOf = (shape) => shape.reduce((product, extent) => product * extent, 1);

/**
 * What peers compare: the values against a fixed random direction, and their root mean square (the scale of a
 * deviation).
 * @type {(values: ArrayLike<number>) => [number, number]}
 */
export function digest(values) {
  const direction = uniform(values.length, SEED.digest, UNIT);
  let product = 0;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    product += values[i] * direction[i];
    squares += values[i] * values[i];
  }
  return [product / Math.sqrt(values.length), Math.sqrt(squares / values.length)];
}
