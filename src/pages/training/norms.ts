import type { HistogramsRecord, NormState, NormsRecord, Spread } from "../../diagnostics/training-record.js";
import type { NormLag } from "../../train/lag.js";
import type { Series } from "../chart.js";
import { formatNumber } from "../format-number.js";
import type { Block, Figure, PageTable, Section } from "../page.js";
import { axisOf } from "./curves.js";

/** A layer's states over the steps. */
type Course = readonly { readonly step: number; readonly state: NormState }[];

/** γ, β and the statistics of each normalisation layer over the course of training. */
export function normSection(
  norms: readonly NormsRecord[],
  histograms: readonly HistogramsRecord[],
  lag: readonly NormLag[],
): Section {
  const title = "Normalisation";
  const layers = [...new Set(norms.flatMap((record) => record.layers.map(({ layer }) => layer)))];
  if (layers.length === 0) {
    return { title, content: [{ kind: "prose", text: "The network has no normalisation layer." }] };
  }
  const courses = layers.map(
    (layer): Course =>
      norms.flatMap(({ step, layers: states }) => {
        const state = states.find((one) => one.layer === layer);
        return state === undefined ? [] : [{ step, state }];
      }),
  );
  const intro =
    "Each layer brings its input to mean 0 and variance 1, multiplies it by γ and adds β. Lines are medians over the channels. Dark bands hold " +
    "the middle half of the channels, light bands all of them. Where the running statistics lag behind the batch statistics, the model " +
    "computes something else in evaluation than in training.";
  return {
    title,
    content: [
      { kind: "prose", text: intro },
      overview(courses),
      ...(lag.length === 0 ? [] : [lagTable(lag, layers)]),
      ...layers.map(
        (layer, k): Block => ({
          kind: "fold",
          summary: layer,
          open: k === 0,
          content: [...stateFigures(courses[k]), ...histogramFigures(layer, histograms)],
        }),
      ),
    ],
  };
}

/** The layers as they are at the end. */
function overview(courses: readonly Course[]): PageTable {
  const rows = courses.map((course) => {
    const { state } = course[course.length - 1];
    return [
      state.layer,
      range(state.weight),
      range(state.bias),
      range(state.batchMean),
      range(state.runningMean),
      range(state.batchVariance),
      range(state.runningVariance),
    ];
  });
  return {
    kind: "table",
    caption: "At the last step: median over the channels (least … largest)",
    columns: ["layer", "γ", "β", "batch mean", "running mean", "batch variance", "running variance"],
    rows,
  };
}

/** How far evaluation is from training, by layer. */
function lagTable(lag: readonly NormLag[], layers: readonly string[]): PageTable {
  const rows = lag.map(({ norm, mean, deviation }) => [
    layers.find((layer) => layer.startsWith(`${norm}: `)) ?? norm,
    `${mean.toFixed(3)} σ`,
    `${deviation.toFixed(3)} σ`,
  ]);
  return {
    kind: "table",
    caption:
      "How far the running statistics are from those of the last batches, before any recalibration: RMS over the channels, in units of each " +
      "channel's standard deviation σ. Above 0.25 evaluation may be worse than training, and recalibration at the end of training cures it.",
    columns: ["layer", "mean is off by", "standard deviation is off by"],
    rows,
  };
}

function range(spread: Spread | null): string {
  if (spread === null) return "–";
  const [least, , median, , largest] = spread.map((value) => formatNumber(value ?? Number.NaN));
  // In one line: the spaces do not break.
  return `${median}\u00a0(${least}\u00a0…\u00a0${largest})`;
}

function stateFigures(course: Course): Figure[] {
  return [
    spreadFigure("γ, the weight", "γ", course, [["γ", ({ weight }) => weight]]),
    spreadFigure("β, the bias", "β", course, [["β", ({ bias }) => bias]]),
    spreadFigure("Mean of the input", "mean", course, [
      ["batch", ({ batchMean }) => batchMean],
      ["running", ({ runningMean }) => runningMean],
    ]),
    spreadFigure("Variance of the input", "variance", course, [
      ["batch", ({ batchVariance }) => batchVariance],
      ["running", ({ runningVariance }) => runningVariance],
    ]),
  ].filter((figure) => figure !== null);
}

type Choice = readonly [name: string, of: (state: NormState) => Spread | null];

function spreadFigure(title: string, label: string, course: Course, choices: readonly Choice[]): Figure | null {
  const chosen = choices.flatMap(([name, of]) => {
    const spreads = course.flatMap(({ step, state }) => {
      const spread = of(state)?.map((value) => value ?? Number.NaN);
      return spread === undefined ? [] : [[step, spread] as const];
    });
    return spreads.length === 0 ? [] : [{ name, spreads }];
  });
  if (chosen.length === 0) return null;
  const series = chosen.map(({ name, spreads }, k): Series => {
    const prefix = chosen.length > 1 ? `${name}: ` : "";
    return {
      name: `${prefix}median`,
      points: spreads.map(([step, [, , median]]) => [step, median]),
      bands: [
        // Of what is compared with the first, the widest band would hide that of the first.
        ...(k === 0
          ? [
              {
                name: `${prefix}all channels`,
                points: spreads.map(([step, [least, , , , largest]]) => [step, least, largest] as const),
              },
            ]
          : []),
        { name: `${prefix}middle half`, points: spreads.map(([step, [, lower, , upper]]) => [step, lower, upper]) },
      ],
    };
  });
  const values = chosen
    .flatMap(({ spreads }) => spreads.flatMap(([, spread]) => spread))
    .filter((value) => !Number.isNaN(value));
  const isWide = Math.min(...values) > 0 && Math.max(...values) > 20 * Math.min(...values);
  const words = chosen.map(({ name, spreads }) => {
    const [least, , median, , largest] = spreads[spreads.length - 1][1];
    const start = formatNumber(spreads[0][1][2]);
    return `${chosen.length > 1 ? `The median of the ${name} values` : "The median"} goes from ${start} to ${formatNumber(median)}. At the end the channels range from ${formatNumber(least)} to ${formatNumber(largest)}.`;
  });
  return {
    kind: "figure",
    title,
    description: words.join(" "),
    chart: { type: "lines", x: axisOf(course), y: { label, scale: isWide ? "log" : "linear" }, series },
  };
}

function histogramFigures(layer: string, records: readonly HistogramsRecord[]): Figure[] {
  return (["before", "after"] as const).flatMap((side): Figure[] => {
    const rows = records.flatMap(({ step, layers }) => {
      const histogram = layers.find((one) => one.layer === layer)?.[side];
      return histogram == null ? [] : [{ name: `step ${step}`, ...histogram }];
    });
    if (rows.length === 0) return [];
    const [first, last] = [rows[0], rows[rows.length - 1]];
    const ends = ({ range: [low, high] }: typeof first): string => `from ${formatNumber(low)} to ${formatNumber(high)}`;
    return [
      {
        kind: "figure",
        title: side === "before" ? "Values before the layer" : "Values after the layer",
        description: `The values of a batch, within 4 σ of their mean: ${ends(first)} at ${first.name}, ${ends(last)} at ${last.name}.`,
        chart: { type: "histograms", x: { label: "value" }, rows },
      },
    ];
  });
}
