// Bundled into one file with what it imports: see scripts/build-bundle.js.
import {
  areaY,
  barX,
  cell,
  dot,
  lineY,
  type Markish,
  type PlotOptions,
  plot,
  rectY,
  ruleX,
  ruleY,
  type ScaleOptions,
  text,
} from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Axis, BarChart, Chart, HeatMap, HistogramStack, LineChart, ScatterChart } from "./chart.js";
import { bandOpacity, dashOf, strokeOf } from "./series-style.js";

/** In units of the picture, which is scaled to the room there is: about a column of a page. */
const width = 480;
const fontSize = 13;
/** Room for one character of a label. */
const characterWidth = 7.5;

/** A chart as an SVG element of the given attributes. Its colours are the variables of the page's style. */
export function drawChart(chart: Chart, attributes: Readonly<Record<string, string>>): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const svg = plot({ ...describe(chart), document });
  for (const style of svg.querySelectorAll("style")) style.remove();
  for (const part of svg.querySelectorAll("[aria-label], [aria-hidden]")) {
    part.removeAttribute("aria-label");
    part.removeAttribute("aria-hidden");
  }
  for (const name of ["class", "width", "height"]) svg.removeAttribute(name);
  svg.setAttribute("font-size", String(fontSize));
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  return svg.outerHTML;
}

function describe(chart: Chart): PlotOptions {
  switch (chart.type) {
    case "lines":
      return lines(chart);
    case "histograms":
      return histograms(chart);
    case "heatMap":
      return heatMap(chart);
    case "scatter":
      return scatter(chart);
    case "bars":
      return bars(chart);
  }
}

function scaleOf({ label, scale = "linear", domain }: Axis): ScaleOptions {
  // Without a format, a logarithmic axis counts in thousandths (200m), and a linear one writes out billions, which then
  // overlap.
  return { label, type: scale, ticks: 5, tickFormat: formatTick, ...(domain && { domain: [...domain] }) };
}

function formatTick(value: number): string {
  const size = Math.abs(value);
  const notation = size !== 0 && (size >= 1e6 || size < 1e-4) ? "scientific" : "standard";
  return value.toLocaleString("en", { notation, maximumSignificantDigits: 6 }).replace("E", "e").replaceAll("-", "−");
}

/** Values that a logarithmic axis cannot show become gaps. */
function shownOn({ scale }: Axis): (value: number) => number {
  return scale === "log" ? (value) => (value > 0 ? value : Number.NaN) : (value) => value;
}

const frame: PlotOptions = { width, height: 260, marginLeft: 56, marginRight: 16, marginTop: 28, marginBottom: 42 };

function lines({ x, y, series, references = [] }: LineChart): PlotOptions {
  const [shownX, shownY] = [shownOn(x), shownOn(y)];
  const marks = series.flatMap(({ points, bands = [] }, k): Markish[] => {
    const stroke = strokeOf(k);
    const areas = bands.map((band) =>
      areaY(band.points, {
        x: ([place]) => shownX(place),
        y1: ([, low]) => shownY(low),
        y2: ([, , high]) => shownY(high),
        fill: stroke,
        fillOpacity: bandOpacity,
      }),
    );
    const dash = dashOf(k);
    const at = { x: ([place]: readonly number[]) => shownX(place), y: ([, value]: readonly number[]) => shownY(value) };
    const line = lineY(points, { ...at, stroke, strokeWidth: 2, ...(dash !== null && { strokeDasharray: dash }) });
    // A single point makes no line.
    return [...areas, points.length === 1 ? dot(points, { ...at, fill: stroke, r: 4 }) : line];
  });
  const rules = references.map((reference) =>
    ruleY([reference.y], { stroke: "var(--ink)", strokeWidth: 1.5, strokeDasharray: "2 4" }),
  );
  const names = references.map(({ name, y: at }) =>
    text([name], { y: [at], frameAnchor: "right", textAnchor: "end", dy: -7, fill: "var(--ink)" }),
  );
  return { ...frame, x: scaleOf(x), y: { ...scaleOf(y), grid: true }, marks: [...marks, ...rules, ...names] };
}

const rowHeight = 46;

function histograms({ x, rows }: HistogramStack): PlotOptions {
  const bins = rows.flatMap(({ name, range: [low, high], counts }) => {
    const most = Math.max(...counts, 1);
    const step = (high - low) / counts.length;
    return counts.map((count, k) => ({ name, low: low + k * step, high: low + (k + 1) * step, share: count / most }));
  });
  return {
    ...frame,
    marginLeft: labelRoom(rows.map(({ name }) => name)),
    height: rows.length * rowHeight + 70,
    x: scaleOf(x),
    y: { axis: null, domain: [0, 1] },
    fy: { label: null, axis: "left", domain: rows.map(({ name }) => name), tickFormat: shortened, padding: 0.15 },
    marks: [
      rectY(bins, { fy: "name", x1: "low", x2: "high", y: "share", fill: strokeOf(0), inset: 0 }),
      ruleY([0], { stroke: "var(--ink)", strokeOpacity: 0.5 }),
    ],
  };
}

/** Characters of a name for which there is room. */
const longestName = 25;

function labelRoom(names: readonly string[]): number {
  return 16 + characterWidth * Math.min(longestName, Math.max(...names.map((name) => name.length), 1));
}

/** Of a long path the end tells most. */
function shortened(name: string): string {
  return name.length > longestName ? `…${name.slice(1 - longestName)}` : name;
}

/** More columns than these leave no room for numbers. */
const mostNumbered = 30;

function heatMap({ x, y, columns, rows, values, byRow = false }: HeatMap): PlotOptions {
  const largest = Math.max(...values.flat(), 0);
  const cells = values.flatMap((row, k) => {
    const whole = byRow ? row.reduce((total, value) => total + value, 0) : largest;
    return row.map((value, j) => ({ row: k, column: j, value, share: whole > 0 ? value / whole : 0 }));
  });
  const isWide = columns.length > 12;
  const marginLeft = labelRoom(rows) + 22;
  const marginBottom = labelRoom(columns) + 24;
  const size = isWide ? Math.max(760, 26 * columns.length + marginLeft) : width;
  const numbers = columns.length > mostNumbered ? [] : cells.filter(({ value }) => value !== 0);
  const label = { x: "column", y: "row", text: "value", fontSize: isWide ? 10 : 12 } as const;
  const slanted = columns.some((name) => name.length * characterWidth > (size - marginLeft) / columns.length);
  return {
    ...frame,
    width: size,
    height:
      ((size - marginLeft) * rows.length) / columns.length / (isWide ? 1.4 : 1.25) + (slanted ? marginBottom : 44),
    marginLeft,
    marginTop: 8,
    marginBottom: slanted ? marginBottom : 44,
    x: { label: x, tickFormat: (k: number) => columns[k], tickRotate: slanted ? -90 : 0, labelAnchor: "center" },
    y: { label: y, tickFormat: (k: number) => rows[k], labelAnchor: "center" },
    opacity: { type: "identity" },
    marks: [
      cell(cells, { x: "column", y: "row", fill: strokeOf(0), fillOpacity: "share", inset: 0.5 }),
      text(
        numbers.filter(({ share }) => share <= 0.5),
        { ...label, fill: "var(--ink)" },
      ),
      text(
        numbers.filter(({ share }) => share > 0.5),
        { ...label, fill: "var(--paper)" },
      ),
    ],
  };
}

function scatter({ x, y, points, diagonal = false }: ScatterChart): PlotOptions {
  const [shownX, shownY] = [shownOn(x), shownOn(y)];
  const ends = points.flat().filter(Number.isFinite);
  const extent = [Math.min(...ends), Math.max(...ends)] as const;
  // Against the diagonal, equal values stand on equal places of both axes.
  const axis = (one: Axis): ScaleOptions => ({ ...scaleOf(diagonal ? { domain: extent, ...one } : one), grid: true });
  const dashed = { x: (end: number) => end, y: (end: number) => end, stroke: "var(--ink)", strokeDasharray: "4 4" };
  return {
    ...frame,
    height: 360,
    x: axis(x),
    y: axis(y),
    marks: [
      ...(diagonal ? [lineY(extent, dashed)] : []),
      dot(points, {
        x: ([at]) => shownX(at),
        y: ([, at]) => shownY(at),
        r: 3,
        fill: strokeOf(0),
        fillOpacity: 0.45,
      }),
    ],
  };
}

function bars({ x, bars: entries, references = [] }: BarChart): PlotOptions {
  const names = entries.map(({ name }) => name);
  const shown = shownOn(x);
  // What is not a number has a name and no bar; of zeros alone there is no scale.
  const drawn = entries.filter(({ value }) => Number.isFinite(shown(value)));
  const domain = x.domain ?? (drawn.some(({ value }) => value !== 0) ? null : ([0, 1] as const));
  const withInterval = entries.flatMap(({ name, interval }) => (interval ? [{ name, interval }] : []));
  return {
    ...frame,
    marginLeft: labelRoom(names),
    height: 26 * entries.length + 70,
    x: { ...scaleOf(domain === null ? x : { ...x, domain }), grid: true },
    y: { label: null, domain: names, tickFormat: shortened },
    marks: [
      barX(drawn, { x: ({ value }) => shown(value), y: "name", fill: strokeOf(0), inset: 3 }),
      ruleY(withInterval, {
        x1: ({ interval }) => interval[0],
        x2: ({ interval }) => interval[1],
        y: "name",
        stroke: "var(--ink)",
        strokeWidth: 2,
      }),
      ...(x.scale === "log" ? [] : [ruleX([0], { stroke: "var(--ink)" })]),
      ...references.map((reference) =>
        ruleX([reference.x], { stroke: "var(--ink)", strokeWidth: 1.5, strokeDasharray: "2 4" }),
      ),
    ],
  };
}
