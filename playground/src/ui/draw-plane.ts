import type { Samples } from "../training/data-sets.js";
import { gridReach, gridSide } from "../training/grid.js";
import { colour } from "./theme.js";

/**
 * Draws the plane, tinted by what a network says of each place, with the samples on it, over `side` pixels each way.
 */
export function drawPlane(
  context: CanvasRenderingContext2D,
  side: number,
  decision: Float32Array | null,
  samples: Samples,
): void {
  context.fillStyle = colour("panel");
  context.fillRect(0, 0, side, side);
  if (decision !== null) drawDecision(context, side, decision);
  drawSamples(context, side, samples);
}

function drawDecision(context: CanvasRenderingContext2D, side: number, decision: Float32Array): void {
  const [paper, zero, one] = ["paper", "class-0", "class-1"].map((name) => rgbOf(context, colour(name)));
  const image = new ImageData(gridSide, gridSide);
  decision.forEach((probability, cell) => {
    const tint = probability < 0.5 ? zero : one;
    const strength = 0.08 + 0.5 * Math.abs(2 * probability - 1);
    for (let k = 0; k < 3; k++) image.data[4 * cell + k] = paper[k] + strength * (tint[k] - paper[k]);
    image.data[4 * cell + 3] = 255;
  });
  const small = new OffscreenCanvas(gridSide, gridSide);
  small.getContext("2d")?.putImageData(image, 0, 0);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, side, side);
}

/** Class 0 as discs, class 1 as diamonds, so that colour is not all that tells them apart. */
function drawSamples(context: CanvasRenderingContext2D, side: number, { inputs, labels }: Samples): void {
  const colours = [colour("class-0"), colour("class-1")];
  context.strokeStyle = colour("paper");
  context.lineWidth = 1.5;
  labels.forEach((label, k) => {
    const x = (inputs[2 * k] / gridReach + 1) * 0.5 * side;
    const y = (1 - inputs[2 * k + 1] / gridReach) * 0.5 * side;
    context.beginPath();
    if (label === 0) context.arc(x, y, 4.5, 0, 2 * Math.PI);
    else {
      context.moveTo(x, y - 6);
      for (const [dx, dy] of [
        [6, 0],
        [0, 6],
        [-6, 0],
      ])
        context.lineTo(x + dx, y + dy);
      context.closePath();
    }
    context.fillStyle = colours[label];
    context.fill();
    context.stroke();
  });
}

/** The parts of a colour, which a canvas gives back as `#rrggbb` however it was written. */
function rgbOf(context: CanvasRenderingContext2D, css: string): [red: number, green: number, blue: number] {
  context.fillStyle = css;
  const value = Number.parseInt(context.fillStyle.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}
