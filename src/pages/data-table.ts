import type { Chart, LineChart } from "./chart.js";
import { formatNumber } from "./format-number.js";
import type { Table } from "./page.js";

/** A longer table is no help. */
const mostRows = 16;

/** The numbers that a chart shows, thinned where they are many; null where a table would tell less than the description. */
export function dataTable(title: string, chart: Chart): Table | null {
  const caption = `${title}: the numbers`;
  switch (chart.type) {
    case "lines":
      return lineTable(caption, chart);
    case "heatMap": {
      const rows = chart.rows.map((name, k) => [name, ...chart.values[k]]);
      return { kind: "table", caption, columns: [`${chart.y} \\ ${chart.x}`, ...chart.columns], rows };
    }
    case "bars": {
      const rows = chart.bars.map(({ name, value, interval }) => [name, value, ...(interval?.map(formatNumber) ?? [])]);
      const withIntervals = chart.bars.some(({ interval }) => interval !== undefined);
      return {
        kind: "table",
        caption,
        columns: ["name", chart.x.label, ...(withIntervals ? ["from", "to"] : [])],
        rows,
      };
    }
    default:
      return null;
  }
}

function lineTable(caption: string, { x, series }: LineChart): Table {
  const places = [...new Set(series.flatMap(({ points }) => points.map(([place]) => place)))].sort((a, b) => a - b);
  const count = Math.min(mostRows, places.length);
  const shown = Array.from(
    { length: count },
    (_, k) => places[Math.round((k * (places.length - 1)) / Math.max(1, count - 1))],
  );
  const rows = shown.map((place) => [
    formatNumber(place),
    ...series.map(({ points }) => points.findLast(([at]) => at <= place)?.[1] ?? Number.NaN),
  ]);
  const thinned = count < places.length ? `, at ${count} of ${places.length} places` : "";
  return { kind: "table", caption: caption + thinned, columns: [x.label, ...series.map(({ name }) => name)], rows };
}
