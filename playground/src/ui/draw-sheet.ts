import type { Samples } from "../training/data-sets.js";
import { brightnessOf, digitSide } from "../training/digits.js";
import { colour } from "./theme.js";

/** Digits across and down. */
export const [columns, rows] = [8, 6] as const;
export const sheetCount: number = columns * rows;
/** Pixels of the drawing for each digit along each side. */
export const cell = 60;

/** Draws the first digits of some samples with what a network predicts for each; mistakes are framed. */
export function drawSheet(
  context: CanvasRenderingContext2D,
  { inputs, labels }: Samples,
  guesses: readonly number[] | null,
): void {
  context.clearRect(0, 0, columns * cell, rows * cell);
  labels.subarray(0, sheetCount).forEach((label, k) => {
    drawDigit(context, k, inputs.subarray(digitSide ** 2 * k, digitSide ** 2 * (k + 1)));
    const guess = guesses?.[k];
    if (guess !== undefined) drawGuess(context, k, guess, guess === label);
  });
}

function placeOf(k: number): [x: number, y: number] {
  return [(k % columns) * cell, Math.floor(k / columns) * cell];
}

function drawDigit(context: CanvasRenderingContext2D, k: number, input: Float32Array): void {
  const [x, y] = placeOf(k);
  const image = new ImageData(digitSide, digitSide);
  brightnessOf(input).forEach((value, at) => {
    image.data.fill(255 * value, 4 * at, 4 * at + 3);
    image.data[4 * at + 3] = 255;
  });
  const small = new OffscreenCanvas(digitSide, digitSide);
  small.getContext("2d")?.putImageData(image, 0, 0);
  context.drawImage(small, x + 2, y + 2, cell - 4, cell - 4);
}

function drawGuess(context: CanvasRenderingContext2D, k: number, guess: number, isRight: boolean): void {
  const [x, y] = placeOf(k);
  context.fillStyle = isRight ? colour("paper") : colour("bad");
  context.fillRect(x + 2, y + 2, 20, 22);
  context.fillStyle = isRight ? colour("ink") : colour("paper");
  context.font = "bold 18px system-ui, sans-serif";
  context.textAlign = "center";
  context.fillText(String(guess), x + 12, y + 20);
  if (isRight) return;
  context.strokeStyle = colour("bad");
  context.lineWidth = 4;
  context.strokeRect(x + 4, y + 4, cell - 8, cell - 8);
}
