import type { Estimate } from "./bootstrap.js";

/** An axis of a figure. */
export interface FigureAxis {
  /** What is measured, with its unit. */
  readonly label: string;
  /** @defaultValue "linear" */
  readonly scale?: "linear" | "log";
}

/** Means over seeds along x, with their intervals. */
export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, estimate: Estimate])[];
}

/** Curves over one x. */
export interface CurveFigure {
  readonly kind: "curves";
  readonly title: string;
  /** What is to be seen. */
  readonly description: string;
  readonly x: FigureAxis;
  readonly y: FigureAxis;
  readonly curves: readonly Curve[];
}

/** A mean over seeds for each name, with its interval. */
export interface BarFigure {
  readonly kind: "bars";
  readonly title: string;
  /** What is to be seen. */
  readonly description: string;
  readonly x: FigureAxis;
  readonly bars: readonly (readonly [name: string, estimate: Estimate])[];
}

/** What an experiment shows, before anybody draws it. */
export type StudyFigure = CurveFigure | BarFigure;
