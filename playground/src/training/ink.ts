import { digitSide } from "./digits.js";

/** Points along each side of the pad. */
export const inkSide = 140;
/** Of the pen, in points: about as wide as MNIST's once a digit is as large as its are. */
const penRadius = 6.5;
/** MNIST's digits fill a square of so many pixels. */
const digitReach = 20;

/** A place on the pad, in points from its upper left corner. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Draws a stroke on a pad of `inkSide`² points from 0 (none) to 1, with a round pen whose edge is soft. */
export function drawStroke(ink: Float32Array, from: Point, to: Point): void {
  const pieces = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y)));
  for (let k = 0; k <= pieces; k++) {
    const t = k / pieces;
    stamp(ink, { x: from.x + t * (to.x - from.x), y: from.y + t * (to.y - from.y) });
  }
}

function stamp(ink: Float32Array, { x, y }: Point): void {
  const reach = penRadius + 1;
  for (let row = Math.max(0, Math.floor(y - reach)); row < Math.min(inkSide, y + reach); row++) {
    for (let column = Math.max(0, Math.floor(x - reach)); column < Math.min(inkSide, x + reach); column++) {
      const strength = penRadius + 0.5 - Math.hypot(column + 0.5 - x, row + 0.5 - y);
      const at = row * inkSide + column;
      ink[at] = Math.max(ink[at], Math.min(1, Math.max(0, strength)));
    }
  }
}

/**
 * What is drawn as MNIST's digits are made: scaled to fit 20×20 pixels without being stretched, and moved until its
 * centre of mass lies in the middle of 28×28. Null where nothing is drawn.
 *
 * Source: LeCun, Cortes & Burges, the MNIST database, "file formats".
 */
export function digitOf(ink: Float32Array): Float32Array | null {
  let [left, right, top, bottom] = [inkSide, -1, inkSide, -1];
  let [mass, momentX, momentY] = [0, 0, 0];
  ink.forEach((value, at) => {
    if (value === 0) return;
    const [x, y] = [at % inkSide, Math.floor(at / inkSide)];
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    mass += value;
    momentX += value * x;
    momentY += value * y;
  });
  if (mass === 0) return null;
  // A dot stays a dot: nothing is made larger than it was drawn.
  const scale = Math.min(1, digitReach / (1 + Math.max(right - left, bottom - top)));
  const digit = new Float32Array(digitSide ** 2);
  const middle = digitSide / 2;
  ink.forEach((value, at) => {
    if (value === 0) return;
    const x = middle + scale * ((at % inkSide) - momentX / mass);
    const y = middle + scale * (Math.floor(at / inkSide) - momentY / mass);
    spread(digit, { x, y }, value * scale ** 2);
  });
  return digit.map((value) => Math.min(1, value));
}

/** Adds to the four pixels around a place, more to the nearer. */
function spread(digit: Float32Array, { x, y }: Point, amount: number): void {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  for (const [c, r] of [
    [column, row],
    [column + 1, row],
    [column, row + 1],
    [column + 1, row + 1],
  ]) {
    if (c < 0 || r < 0 || c >= digitSide || r >= digitSide) continue;
    digit[r * digitSide + c] += amount * (1 - Math.abs(x - c)) * (1 - Math.abs(y - r));
  }
}

/** A digit of 28×28 as ink, as large as the pad. */
export function inkOf(digit: Float32Array): Float32Array<ArrayBuffer> {
  const ratio = inkSide / digitSide;
  return Float32Array.from({ length: inkSide ** 2 }, (_, at) => {
    const [x, y] = [at % inkSide, Math.floor(at / inkSide)];
    return digit[Math.floor(y / ratio) * digitSide + Math.floor(x / ratio)];
  });
}
