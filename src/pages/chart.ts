import type { Histogram } from "../diagnostics/histogram.js";

/** An axis of a chart. */
export interface Axis {
  /** What is measured, with its unit. */
  readonly label: string;
  /** Values that are not above 0 are left out of a logarithmic one. @defaultValue "linear" */
  readonly scale?: "linear" | "log";
  /** The least and the largest value shown. @defaultValue those of the data */
  readonly domain?: readonly [least: number, largest: number];
}

/** A line, with the bands around it. NaN leaves a gap. */
export interface Series {
  /** In the legend. */
  readonly name: string;
  /** In the order of x. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Ranges such as a confidence interval, the widest first. @defaultValue none */
  readonly bands?: readonly Band[];
}

/** A range for each x. */
export interface Band {
  /** In the legend, and in the numbers. */
  readonly name: string;
  /** Whether the legend has it; else the description says what bands are. @defaultValue true */
  readonly inLegend?: boolean;
  /** In the order of x. */
  readonly points: readonly (readonly [x: number, low: number, high: number])[];
}

/** Lines over one x. */
export interface LineChart {
  readonly type: "lines";
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  /** Values of y that lines are to be compared with. @defaultValue none */
  readonly references?: readonly { readonly name: string; readonly y: number }[];
}

/** Small histograms below each other, over one x: one for each moment or case. Each is as high as its fullest bin. */
export interface HistogramStack {
  readonly type: "histograms";
  readonly x: Axis;
  readonly rows: readonly (Histogram & { readonly name: string })[];
}

/** A matrix of numbers, darker where they are larger. */
export interface HeatMap {
  readonly type: "heatMap";
  /** What the columns are. */
  readonly x: string;
  /** What the rows are. */
  readonly y: string;
  readonly columns: readonly string[];
  readonly rows: readonly string[];
  /** A list for each row. */
  readonly values: readonly (readonly number[])[];
  /** Colour each row by shares of its sum, so that rare classes are seen too. @defaultValue false */
  readonly byRow?: boolean;
}

/** Points, one for each sample. */
export interface ScatterChart {
  readonly type: "scatter";
  readonly x: Axis;
  readonly y: Axis;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Draw y = x. @defaultValue false */
  readonly diagonal?: boolean;
}

/** A bar for each name, with the interval in which the value may lie. */
export interface BarChart {
  readonly type: "bars";
  readonly x: Axis;
  readonly bars: readonly {
    readonly name: string;
    readonly value: number;
    readonly interval?: readonly [number, number];
  }[];
  /** Values of x that bars are to be compared with. @defaultValue none */
  readonly references?: readonly { readonly name: string; readonly x: number }[];
}

/** What a figure shows. */
export type Chart = LineChart | HistogramStack | HeatMap | ScatterChart | BarChart;
