import { useEffect, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { formatShort } from "./format-value.js";
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
  /** Whether equal factors are equally far apart. @defaultValue false */
  readonly logarithmic?: boolean;
  readonly height?: number;
}

/** What a logarithmic axis shows of 0. */
const nearZero = 1e-12;

/** What draws curves. It is loaded once there are networks, so that the first picture need not wait for it. */
type Plotter = typeof uPlot;

/** Draws curves, and says their last values in words for those who cannot see them. */
export function Chart({ title, y, series, range, logarithmic = false, height = 186 }: ChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [plotter, setPlotter] = useState<Plotter | null>(null);
  const hasSeries = series.length > 0;
  const visible = useVisible(frame);
  const theme = themeChanges.value;
  const looks = series.map(({ name, tone, dashed }) => `${name}/${tone}/${dashed ?? false}`).join();

  useEffect(() => {
    if (hasSeries) void import("uplot").then((loaded) => setPlotter(() => loaded.default));
  }, [hasSeries]);

  // Made anew when what `looks` and `theme` stand for changes.
  useEffect(() => {
    const element = frame.current;
    if (element === null || plotter === null) return;
    const drawn = new plotter(
      optionsOf(series, scaleOf(plotter, range, logarithmic), { width: element.clientWidth, height }),
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
  }, [plotter, looks, theme, height, logarithmic, range?.[0], range?.[1]]);

  useEffect(() => {
    if (!visible || plotter === null || series.length === 0) return;
    const positive = (values: Float32Array) => values.map((value) => Math.max(value, nearZero));
    plot.current?.setData(plotter.join(series.map(({ x, y }) => [x, logarithmic ? positive(y) : y])));
  });

  return (
    <figure class="chart">
      <figcaption>
        <span class="name">{title}</span>
        <ul class="legend">
          {series.map(({ name, tone, y: values, dashed }) => (
            <li key={name}>
              <span class={`swatch ${tone} ${dashed ? "dashed" : ""}`} aria-hidden="true" />
              {name} <span class="value">{lastOf(values)}</span>
            </li>
          ))}
        </ul>
      </figcaption>
      <div
        ref={frame}
        class="drawing"
        role="img"
        aria-label={`${title}: ${y} over steps`}
        style={{ minHeight: `${height}px` }}
      />
    </figure>
  );
}

function scaleOf(plotter: Plotter, range: ChartProps["range"], logarithmic: boolean): uPlot.Scale {
  if (logarithmic) return { distr: 3, log: 10 };
  if (range !== undefined) return { range: [range[0], range[1]] };
  // A little more than the values take up; something to draw axes on where there are none yet.
  return {
    range: (_, low, high) => (low === null || high === null ? [0, 1] : plotter.rangeNum(low, high, 0.1, true)),
  };
}

function optionsOf(
  series: readonly Series[],
  scale: uPlot.Scale,
  size: { readonly width: number; readonly height: number },
): uPlot.Options {
  const font = "12px system-ui, sans-serif";
  const axis: uPlot.Axis = {
    stroke: colour("quiet"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    font,
  };
  return {
    ...size,
    cursor: { show: false },
    legend: { show: false },
    scales: { x: { time: false }, y: scale },
    axes: [
      { ...axis, size: 22, label: "step", labelSize: 14, labelGap: 0, labelFont: font },
      {
        ...axis,
        size: 50,
        values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : formatShort(tick))),
        ...(scale.distr === 3 ? { filter: decades, grid: { ...axis.grid, filter: decades } } : {}),
      },
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

/** Of the lines of a logarithmic axis those at powers of ten; all of them would merge into bars. */
function decades(_: uPlot, ticks: number[]): (number | null)[] {
  return ticks.map((tick) => (Number.isInteger(Math.round(Math.log10(tick) * 1e6) / 1e6) ? tick : null));
}

function lastOf(values: Float32Array): string {
  const last = values[values.length - 1];
  return last === undefined || Number.isNaN(last) ? "–" : formatShort(last);
}
