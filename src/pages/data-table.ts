import type { Chart, LineChart } from "./chart.js";
import { formatNumber } from "./format-number.js";
import type { PageTable } from "./page.js";

/** A longer table is no help. */
const mostRows = 16;

/** An interval that is not known. */
const none = [Number.NaN, Number.NaN] as const;

/**
 * The numbers that a chart shows, thinned where they are many; null where a table would tell less than the description.
 */
export function dataTable(title: string, chart: Chart): PageTable | null {
  const caption = `${title}: the numbers`;
  switch (chart.type) {
    case "lines":
      return lineTable(caption, chart);
    case "heatMap": {
      const rows = chart.rows.map((name, k) => [name, ...chart.values[k]]);
      return { kind: "table", caption, columns: [`${chart.y} \\ ${chart.x}`, ...chart.columns], rows };
    }
    case "bars": {
      const withIntervals = chart.bars.some(({ interval }) => interval !== undefined);
      const rows = chart.bars.map(({ name, value, interval = none }) => [
        name,
        value,
        ...(withIntervals ? interval : []),
      ]);
      const columns = ["name", chart.x.label, ...(withIntervals ? ["from", "to"] : [])];
      return { kind: "table", caption, columns, rows };
    }
    default:
      return null;
  }
}

function lineTable(caption: string, { x, series }: LineChart): PageTable {
  const places = [...new Set(series.flatMap(({ points }) => points.map(([place]) => place)))].sort((a, b) => a - b);
  const count = Math.min(mostRows, places.length);
  const shown = Array.from(
    { length: count },
    (_, k) => places[Math.round((k * (places.length - 1)) / Math.max(1, count - 1))],
  );
  const curves = series.flatMap(({ name, points, bands = [] }) => [
    { names: [name], points },
    ...bands.map((band) => ({ names: [`${band.name}, from`, `${band.name}, to`], points: band.points })),
  ]);
  const rows = shown.map((place) => [
    formatNumber(place),
    ...curves.flatMap(
      ({ names, points }) => points.findLast(([at]) => at <= place)?.slice(1) ?? names.map(() => Number.NaN),
    ),
  ]);
  const thinned = count < places.length ? `, at ${count} of ${places.length} places` : "";
  const columns = [x.label, ...curves.flatMap(({ names }) => names)];
  return { kind: "table", caption: caption + thinned, columns, rows };
}
