import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { colour, themeChanges } from "./theme.js";
import { useVisible } from "./use-visible.js";

/** A curve. */
export interface Series {
  readonly name: string;
  /** The colour's name in the style sheet: `a`, `b` or `quiet`. */
  readonly tone: string;
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** Drawn dashed. */
  readonly dashed?: boolean;
}

/** Curves over the steps of training. */
export interface ChartProps {
  readonly title: string;
  /** What stands on the vertical axis. */
  readonly y: string;
  readonly series: readonly Series[];
  /** @defaultValue that of the values */
  readonly range?: readonly [low: number, high: number];
  readonly height?: number;
}

/** Draws curves, and says their last values in words for those who cannot see them. */
export function Chart({ title, y, series, range, height = 180 }: ChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const visible = useVisible(frame);
  const theme = themeChanges.value;
  const looks = series.map(({ name, tone, dashed }) => `${name}/${tone}/${dashed ?? false}`).join();

  // Made anew when what `looks` and `theme` stand for changes.
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const drawn = new uPlot(
      optionsOf(series, range, element.clientWidth, height),
      [[], ...series.map(() => [])],
      element,
    );
    plot.current = drawn;
    const observer = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, [looks, theme, height, range?.[0], range?.[1]]);

  useEffect(() => {
    if (visible) plot.current?.setData(uPlot.join(series.map(({ x, y }) => [asNumbers(x), asNumbers(y)])));
  });

  return (
    <figure class="chart">
      <figcaption>
        <span class="name">{title}</span>
        <ul class="legend">
          {series.map(({ name, tone, y: values }) => (
            <li key={name}>
              <span class={`swatch ${tone}`} aria-hidden="true" />
              {name} <span class="value">{lastOf(values)}</span>
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={frame} class="drawing" role="img" aria-label={`${title}: ${y} over steps`} />
    </figure>
  );
}

function optionsOf(
  series: readonly Series[],
  range: readonly [number, number] | undefined,
  width: number,
  height: number,
): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: colour("quiet"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  return {
    width,
    height,
    cursor: { show: false },
    legend: { show: false },
    scales: { x: { time: false }, y: range === undefined ? {} : { range: [range[0], range[1]] } },
    axes: [
      { ...axis, size: 28 },
      { ...axis, size: 46 },
    ],
    series: [
      {},
      ...series.map(({ tone, dashed }) => ({
        stroke: colour(tone),
        width: 2,
        points: { show: false },
        spanGaps: true,
        ...(dashed ? { dash: [4, 4] } : {}),
      })),
    ],
  };
}

/** uPlot takes a gap where a value is null; curves of a network that failed have none that are not finite. */
function asNumbers(values: Float32Array): uPlot.TypedArray {
  return values;
}

function lastOf(values: Float32Array): string {
  const last = values[values.length - 1];
  return last === undefined || Number.isNaN(last) ? "–" : last.toPrecision(3);
}
