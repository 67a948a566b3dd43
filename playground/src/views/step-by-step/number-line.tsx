import { formatValue } from "../../ui/format-value.js";
import { axisOf } from "./axis.js";
import type { Tone } from "./symbols.js";

/** Numbers of one kind, drawn as points in their place along the line. */
export interface LineRow {
  /** The symbol that the formula has for them. */
  readonly symbol: string;
  readonly tone: Tone;
  readonly values: readonly number[];
  /** A mark, and how far to either side a band reaches. */
  readonly mean?: number;
  readonly deviation?: number;
  /** Which way each point is pushed, and how much. */
  readonly push?: readonly number[];
}

/** Numbers without marks. */
export function rowOf(symbol: string, tone: Tone, values: readonly number[]): LineRow {
  return { symbol, tone, values };
}

/** Between two points, one under another, in px. */
const lane = 8;
const gap = 34;
const axisHeight = 26;
/** Room for the symbols, in percent of the width. */
const margin = 11;

/**
 * Rows of points over one common axis; a thin line leads from each sample's point to the same sample's in the next row.
 */
export function NumberLine({ rows, label }: { readonly rows: readonly LineRow[]; readonly label: string }) {
  const finite = rows.map((row) => ({ ...row, values: row.values.filter(Number.isFinite) }));
  const { low, high, ticks } = axisOf(
    finite.flatMap(({ values, mean = 0, deviation = 0 }) => [...values, mean - deviation, mean + deviation]),
  );
  const at = (value: number): string => `${margin + ((100 - 1.4 * margin) * (value - low)) / (high - low)}%`;
  const longest = Math.max(1, ...rows.map(({ values }) => values.length));
  const rowHeight = longest * lane;
  const top = (row: number): number => 10 + row * (rowHeight + gap);
  const height = top(rows.length) - gap + 10 + axisHeight;
  const pushed = Math.max(...rows.flatMap(({ push = [] }) => push.map(Math.abs)), 1e-30);
  return (
    <svg class="number-line" width="100%" height={height} role="img" aria-label={label}>
      <defs>
        <marker id="tip" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="5" markerHeight="5" orient="auto">
          <path d="M0 0L6 3L0 6Z" class="tip" />
        </marker>
      </defs>
      {ticks.map((tick) => (
        <g key={tick} class={tick === 0 ? "tick zero" : "tick"}>
          <line x1={at(tick)} x2={at(tick)} y1={4} y2={height - axisHeight} />
          <text x={at(tick)} y={height - 8} text-anchor="middle">
            {formatValue(tick)}
          </text>
        </g>
      ))}
      {rows.map(({ symbol, tone, values, mean, deviation, push }, row) => {
        const y = (k: number): number => top(row) + (k + 0.5) * lane * (longest / Math.max(1, values.length));
        return (
          <g key={symbol} class={`row ${tone}`}>
            {mean !== undefined && deviation !== undefined && (
              <rect
                class="band"
                x={at(mean - deviation)}
                width={`${((100 - 1.4 * margin) * 2 * deviation) / (high - low)}%`}
                y={top(row) - 4}
                height={rowHeight + 8}
              />
            )}
            {mean !== undefined && (
              <line class="mean" x1={at(mean)} x2={at(mean)} y1={top(row) - 6} y2={top(row) + rowHeight + 6} />
            )}
            {values.map((value, k) => {
              const next = values.length === 1 ? undefined : rows[row + 1]?.values[k];
              return next === undefined || !Number.isFinite(value + next) ? null : (
                <line key={k} class="way" x1={at(value)} x2={at(next)} y1={y(k)} y2={top(row + 1) + (k + 0.5) * lane} />
              );
            })}
            {values.map((value, k) =>
              Number.isFinite(value) ? (
                <circle key={k} cx={at(value)} cy={y(k)} r={3.5}>
                  <title>{`${symbol} of sample ${k + 1}: ${formatValue(value)}`}</title>
                </circle>
              ) : null,
            )}
            {push?.map((size, k) =>
              Math.abs(size) < 1e-3 * pushed || !Number.isFinite(values[k]) ? null : (
                <line
                  key={k}
                  class="push"
                  x1={at(values[k])}
                  x2={at(values[k] + (0.18 * (high - low) * size) / pushed)}
                  y1={y(k)}
                  y2={y(k)}
                  marker-end="url(#tip)"
                />
              ),
            )}
            <text class="symbol" x="0" y={top(row) + rowHeight / 2 + 5}>
              {symbol}
            </text>
          </g>
        );
      })}
    </svg>
  );
}
