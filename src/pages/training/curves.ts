import { quantiles } from "../../diagnostics/quantiles.js";
import type { StepRecord } from "../../diagnostics/training-record.js";
import type { Evaluation } from "../../train/evaluate.js";
import type { Axis, Band, Series } from "../chart.js";
import { formatNumber } from "../format-number.js";
import type { Figure } from "../page.js";

/** What is known after an epoch. */
export interface EpochSummary {
  /** Steps taken so far, over all epochs. */
  readonly steps: number;
  readonly loss: number;
  readonly accuracy: number | null;
  /** Where there are validation data. */
  readonly validation?: Evaluation;
  readonly test: Evaluation;
}

/** A figure shows no more points of a line than these. */
const mostPoints = 150;

/** Loss, accuracy (where there is one), learning rate and gradient norm over the steps. */
export function learningCurves(steps: readonly StepRecord[], epochs: readonly EpochSummary[]): Figure[] {
  const hasAccuracy = steps.some(({ accuracy }) => accuracy !== null);
  return [
    lossFigure(steps, epochs),
    ...(hasAccuracy ? [accuracyFigure(steps, epochs)] : []),
    scheduleFigure(steps),
    gradientFigure(steps),
  ];
}

function lossFigure(steps: readonly StepRecord[], epochs: readonly EpochSummary[]): Figure {
  const training = smooth(
    "training",
    steps.map(({ step, loss }) => [step, loss]),
  );
  const evaluations = measured(epochs, ({ loss }) => loss);
  const all = [training, ...evaluations].flatMap(({ points }) => points).map(([, loss]) => loss);
  const isWide = Math.min(...all) > 0 && Math.max(...all) > 20 * Math.min(...all);
  const best = epochs.reduce((least, { test: { loss } }) => Math.min(least, loss), Number.POSITIVE_INFINITY);
  const last = epochs.at(-1)?.test.loss;
  const tested =
    last === undefined
      ? ""
      : ` The test loss ends at ${formatNumber(last)}; its lowest value is ${formatNumber(best)}.`;
  return {
    kind: "figure",
    title: "Loss",
    description: `${fromTo("The training loss", training)}${tested}`,
    chart: {
      type: "lines",
      x: axisOf(steps),
      y: { label: "loss", scale: isWide ? "log" : "linear" },
      series: [training, ...evaluations],
    },
  };
}

function accuracyFigure(steps: readonly StepRecord[], epochs: readonly EpochSummary[]): Figure {
  const training = smooth(
    "training",
    steps.map(({ step, accuracy }) => [step, accuracy ?? Number.NaN]),
  );
  const last = epochs.at(-1)?.test.accuracy ?? null;
  const test = last === null ? "" : ` Test accuracy ends at ${formatNumber(last)}.`;
  return {
    kind: "figure",
    title: "Accuracy",
    description: `${fromTo("Training accuracy", training)}${test}`,
    chart: {
      type: "lines",
      x: axisOf(steps),
      y: { label: "accuracy" },
      series: [training, ...measured(epochs, ({ accuracy }) => accuracy ?? Number.NaN)],
    },
  };
}

/** What was measured after each epoch, on the test data and, where there are some, on the validation data. */
function measured(epochs: readonly EpochSummary[], of: (evaluation: Evaluation) => number): Series[] {
  return (["test", "validation"] as const).flatMap((part): Series[] => {
    const points = epochs.flatMap(({ steps, [part]: evaluation }) =>
      evaluation === undefined ? [] : [[steps, of(evaluation)] as const],
    );
    return points.length === 0 ? [] : [{ name: `${part}, after each epoch`, points }];
  });
}

function scheduleFigure(steps: readonly StepRecord[]): Figure {
  const points = thin(steps.map(({ step, lr }): Point => [step, lr]));
  const highest = points.reduce((most, point) => (point[1] > most[1] ? point : most), points[0]);
  return {
    kind: "figure",
    title: "Learning rate",
    description: `The learning rate starts at ${formatNumber(points[0][1])}, peaks at ${formatNumber(highest[1])} in step ${highest[0]}, and ends at ${formatNumber(points[points.length - 1][1])}.`,
    chart: {
      type: "lines",
      x: axisOf(steps),
      y: { label: "learning rate" },
      series: [{ name: "learning rate", points }],
    },
  };
}

function gradientFigure(steps: readonly StepRecord[]): Figure {
  const line = smooth(
    "gradient norm",
    steps.map(({ step, gradientNorm }) => [step, gradientNorm]),
  );
  const largest = steps.reduce((most, record) => (record.gradientNorm > most.gradientNorm ? record : most), steps[0]);
  return {
    kind: "figure",
    title: "Gradient norm",
    description: `${fromTo("The norm of all gradients together, before clipping,", line)} It is largest in step ${largest.step}: ${formatNumber(largest.gradientNorm)}.`,
    chart: { type: "lines", x: axisOf(steps), y: { label: "gradient norm", scale: "log" }, series: [line] },
  };
}

type Point = readonly [x: number, y: number];

/** What the figures of a run stand on. */
export function axisOf(course: readonly { readonly step: number }[]): Axis {
  return { label: "step", domain: [0, Math.max(1, course[course.length - 1].step)] };
}

/** Means over windows of steps, and between which values the middle 80 % in each lie. */
function smooth(name: string, points: readonly Point[]): Series {
  const size = Math.ceil(points.length / mostPoints);
  const means: Point[] = [];
  const band: (readonly [number, number, number])[] = [];
  for (let start = 0; start < points.length; start += size) {
    const window = points.slice(start, start + size);
    const values = window.map(([, value]) => value);
    const [x] = window[Math.floor(window.length / 2)];
    const [low, high] = quantiles(values, [0.1, 0.9]);
    means.push([x, values.reduce((total, value) => total + value, 0) / values.length]);
    band.push([x, low, high]);
  }
  const bands: Band[] = size > 1 ? [{ name: `middle 80 % of ${size} steps`, points: band }] : [];
  return { name: size > 1 ? `${name}, mean of ${size} steps` : name, points: means, bands };
}

/** As many points as a figure shows, the last among them. */
function thin(points: readonly Point[]): readonly Point[] {
  const size = Math.ceil(points.length / mostPoints);
  return points.filter((_, k) => k % size === 0 || k === points.length - 1);
}

function fromTo(what: string, { points }: Series): string {
  const [first, last] = [points[0][1], points[points.length - 1][1]];
  const verb = last < first ? "falls" : last > first ? "rises" : "stays";
  return verb === "stays"
    ? `${what} stays at ${formatNumber(first)}.`
    : `${what} ${verb} from ${formatNumber(first)} to ${formatNumber(last)}.`;
}
