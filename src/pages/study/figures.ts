import type { Estimate } from "../../study/bootstrap.js";
import type { BarFigure, Curve, CurveFigure, StudyFigure } from "../../study/figure.js";
import type { Figure } from "../page.js";
import { formatRounded } from "./describe-answer.js";

/** A study's figure for a page: bands and marks are 95 % intervals. */
export function drawn(figure: StudyFigure): Figure {
  return figure.kind === "curves" ? curves(figure) : bars(figure);
}

function curves({ title, description, x, y, curves: all }: CurveFigure): Figure {
  const shown = all.filter(({ points }) => points.length > 0);
  return {
    kind: "figure",
    title,
    description: `${description} ${shown.map(reading).join(" ")} Bands are 95 % intervals.`,
    chart: {
      type: "lines",
      x,
      y,
      series: shown.map(({ name, points }) => {
        const band = points.flatMap(([at, { interval }]) => (interval === null ? [] : [[at, ...interval] as const]));
        return {
          name,
          points: points.map(([at, { mean }]) => [at, mean] as const),
          bands: band.length > 1 ? [{ name: `${name}, 95 % interval`, inLegend: false, points: band }] : [],
        };
      }),
    },
  };
}

/** What a curve does, in words. */
function reading({ name, points }: Curve): string {
  const [[firstX, first], [lastX, last]] = [points[0], points[points.length - 1]];
  return points.length === 1
    ? `${name}: ${formatRounded(first.mean)}.`
    : `${name}: ${formatRounded(first.mean)} at ${formatRounded(firstX)}, ${formatRounded(last.mean)} at ${formatRounded(lastX)}.`;
}

function bars({ title, description, x, bars: all }: BarFigure): Figure {
  const words = all.map(([name, { mean }]) => `${name}: ${formatRounded(mean)}.`).join(" ");
  return {
    kind: "figure",
    title,
    description: `${description} ${words} Lines are 95 % intervals.`,
    chart: { type: "bars", x, bars: all.map(([name, estimate]) => ({ name, ...barOf(estimate) })) },
  };
}

function barOf({ mean, interval }: Estimate): { value: number; interval?: readonly [number, number] } {
  return interval === null ? { value: mean } : { value: mean, interval };
}
