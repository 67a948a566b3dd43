import { useEffect, useRef } from "preact/hooks";
import { type Distribution, histogramRange } from "../training/observe-layers.js";
import { colour, themeChanges } from "./theme.js";
import { useVisible } from "./use-visible.js";

/** Pixels of the drawing. */
const [width, height] = [640, 176];
/** How many times as high as the bell bars may be before they are cut off. */
const highest = 3;

/** A distribution as bars, another as a line, and the bell of mean 0 and deviation 1 behind both. */
export function Histogram({
  label,
  tone,
  bars,
  line,
}: {
  /** What there is to see, for those who cannot. */
  readonly label: string;
  /** The colour's name in the style sheet. */
  readonly tone: string;
  readonly bars: Distribution;
  readonly line: Distribution | null;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const visible = useVisible(canvas);
  const theme = themeChanges.value;
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (visible && context) draw(context, tone, bars.shares, line?.shares ?? null);
  }, [visible, tone, bars, line, theme]);
  return <canvas ref={canvas} class="histogram" width={width} height={height} role="img" aria-label={label} />;
}

function draw(context: CanvasRenderingContext2D, tone: string, bars: Float32Array, line: Float32Array | null): void {
  const [low, high] = histogramRange;
  const bin = (high - low) / bars.length;
  const density = (shares: Float32Array): number[] => Array.from(shares, (share) => share / bin);
  const bell = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  const [barHeights, lineHeights] = [density(bars), line === null ? [] : density(line)];
  const top = Math.min(highest * bell(0), Math.max(1.1 * bell(0), ...barHeights, ...lineHeights));
  const x = (value: number): number => ((value - low) / (high - low)) * width;
  const y = (value: number): number => height - (Math.min(value, top) / top) * (height - 4);
  const step = width / bars.length;

  context.clearRect(0, 0, width, height);
  fillUnder(context, colour("bell"), (at) => y(bell(low + (at / width) * (high - low))));
  context.fillStyle = colour(tone);
  context.globalAlpha = 0.8;
  for (const [k, value] of barHeights.entries()) context.fillRect(k * step + 1, y(value), step - 2, height - y(value));
  context.globalAlpha = 1;
  if (line !== null) {
    context.beginPath();
    lineHeights.forEach((value, k) => {
      context.lineTo(k * step, y(value));
      context.lineTo((k + 1) * step, y(value));
    });
    context.strokeStyle = colour("ink");
    context.lineWidth = 2.5;
    context.stroke();
  }
  context.fillStyle = colour("quiet");
  context.fillRect(x(0) - 0.75, 0, 1.5, height);
}

function fillUnder(context: CanvasRenderingContext2D, style: string, edge: (x: number) => number): void {
  context.beginPath();
  context.moveTo(0, height);
  for (let at = 0; at <= width; at += 8) context.lineTo(at, edge(at));
  context.lineTo(width, height);
  context.fillStyle = style;
  context.fill();
}
