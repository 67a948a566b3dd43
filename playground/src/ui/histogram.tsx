import type { Distribution } from "evenkeel";
import { histogramRange } from "../training/histogram-range.js";
import { Drawing } from "./drawing.js";
import { formatValue } from "./format-value.js";
import { colour } from "./theme.js";

const [low, high] = histogramRange;

/** Pixels of the drawing. */
const [width, height] = [640, 176];
/** How many times as high as the bell bars may be before they are cut off. */
const highest = 3;

interface HistogramProps {
  /** What there is to see, for those who cannot. */
  readonly label: string;
  /** The colour's name in the style sheet. */
  readonly tone: string;
  readonly bars: Distribution;
  readonly line: Distribution | null;
}

/** A distribution as bars, another as a line, and the bell of mean 0 and deviation 1 behind both. */
export function Histogram({ label, tone, bars, line }: HistogramProps) {
  return (
    <div>
      <Drawing
        label={label}
        look="histogram"
        size={[width, height]}
        shown={[tone, bars, line]}
        draw={(context) => draw(context, tone, bars, line)}
      />
      <p class="edges" aria-hidden="true">
        {[low, (low + high) / 2, high].map((edge) => (
          <span key={edge}>{formatValue(edge)}</span>
        ))}
      </p>
    </div>
  );
}

/** The share of values beyond the edges. */
export function shareOutside(distribution: Distribution): number {
  const [below, above] = distribution.outside;
  return (below + above) / Math.max(1, countOf(distribution));
}

function countOf({ histogram, outside: [below, above] }: Distribution): number {
  return below + above + (histogram?.counts.reduce((sum, count) => sum + count, 0) ?? 0);
}

/**
 * How high each bar is, for the area of all and of what lies beyond the edges to be 1; none where a value is not
 * finite.
 */
function heightsOf(distribution: Distribution): number[] {
  const counts = distribution.histogram?.counts ?? [];
  const whole = countOf(distribution) * ((high - low) / counts.length);
  return counts.map((count) => count / whole);
}

function draw(context: CanvasRenderingContext2D, tone: string, bars: Distribution, line: Distribution | null): void {
  const [barHeights, lineHeights] = [heightsOf(bars), line === null ? [] : heightsOf(line)];
  const bell = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  const top = Math.min(highest * bell(0), Math.max(1.1 * bell(0), ...barHeights, ...lineHeights));
  const x = (value: number): number => ((value - low) / (high - low)) * width;
  const y = (value: number): number => height - (Math.min(value, top) / top) * (height - 4);

  context.clearRect(0, 0, width, height);
  fillUnder(context, colour("bell"), (at) => y(bell(low + (at / width) * (high - low))));
  context.fillStyle = colour(tone);
  context.globalAlpha = 0.8;
  for (const [k, value] of barHeights.entries()) {
    const step = width / barHeights.length;
    context.fillRect(k * step + 1, y(value), step - 2, height - y(value));
  }
  context.globalAlpha = 1;
  if (lineHeights.length > 0) {
    const step = width / lineHeights.length;
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
