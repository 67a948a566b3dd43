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
  /** In the legend. */
  readonly name: string;
  /** In the order of x. */
  readonly points: readonly (readonly [x: number, estimate: Estimate])[];
}

/** Curves over one x. */
export interface CurveFigure {
  /** Tells it from the others. */
  readonly kind: "curves";
  /** What it is of. */
  readonly title: string;
  /** What is to be seen. */
  readonly description: string;
  /** Along the bottom. */
  readonly x: FigureAxis;
  /** The vertical axis. */
  readonly y: FigureAxis;
  /** One for each norm, activation, … */
  readonly curves: readonly Curve[];
}

/** A mean over seeds for each name, with its interval. */
export interface BarFigure {
  /** Tells it from the others. */
  readonly kind: "bars";
  /** What it is of. */
  readonly title: string;
  /** What is to be seen. */
  readonly description: string;
  /** Along the bottom. */
  readonly x: FigureAxis;
  /** From the top. */
  readonly bars: readonly (readonly [name: string, estimate: Estimate])[];
}

/** What an experiment shows, before anybody draws it. */
export type StudyFigure = CurveFigure | BarFigure;
