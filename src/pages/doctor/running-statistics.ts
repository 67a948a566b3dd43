import type { Diagnosis } from "../../diagnostics/diagnose/diagnosis.js";
import { thresholds } from "../../diagnostics/diagnose/thresholds.js";
import { formatNumber } from "../format-number.js";
import type { Block, Section } from "../page.js";

/** Evaluation against batch statistics, on the same data. */
export function gapSection({ gap }: Diagnosis): Section | null {
  if (gap === null) return null;
  const { running, batch, difference, standardError, causes } = gap;
  const rows = [
    ["running (evaluation)", running.loss ?? Number.NaN, running.accuracy ?? Number.NaN],
    ["of the batch (training)", batch.loss ?? Number.NaN, batch.accuracy ?? Number.NaN],
  ];
  const known = causes.flatMap(({ layer, gain }) => (gain === null ? [] : [{ name: `layer ${layer}`, value: gain }]));
  const error = standardError === null ? "" : ` (standard error ${formatNumber(standardError)})`;
  const content: Block[] = [
    {
      kind: "prose",
      text: `In training a batch norm normalises with batch statistics, in evaluation with running statistics. ${compared(difference)}${error}.`,
    },
  ];
  if (known.length > 0) {
    content.push({
      kind: "figure",
      title: "Which norms the gap comes from",
      description: `How much the loss falls if one norm alone uses batch statistics. It falls most with ${known[0].name}: by ${formatNumber(known[0].value)}.`,
      chart: {
        type: "bars",
        x: { label: "fall of the loss" },
        bars: known.slice(0, 20),
      },
    });
  }
  // Behind the figure, so that it stands beside it where there is room.
  content.push({
    kind: "table",
    caption: "Loss and accuracy on the same data",
    columns: ["statistics", "loss", "accuracy"],
    rows,
  });
  return { title: "Evaluation against training", content };
}

function compared(difference: number | null): string {
  if (difference === null) return "On the same data, without dropout, the losses with the two are not both finite";
  const direction = difference < 0 ? "lower" : "higher";
  return `On the same data, without dropout, the evaluation loss is ${formatNumber(Math.abs(difference))} ${direction} than with batch statistics`;
}

/** Running statistics against those of the data. */
export function driftSection({ norms }: Diagnosis): Section | null {
  const drifted = norms.flatMap(({ drift, ...norm }) => (drift === null ? [] : [{ ...norm, drift }]));
  if (drifted.length === 0) return null;
  const rows = drifted.map(({ layer, module, drift, batchesTracked, initialLeft, skippedBatches }) => [
    `${layer}: ${module}`,
    drift.mean ?? Number.NaN,
    drift.deviation ?? Number.NaN,
    `${formatNumber(drift.worst ?? Number.NaN)} (channel ${drift.worstChannel})`,
    batchesTracked ?? Number.NaN,
    initialLeft ?? Number.NaN,
    skippedBatches,
  ]);
  // What a finding goes by: the larger of the two.
  const bars = drifted.map(({ layer, drift: { mean, deviation } }) => ({
    name: `layer ${layer}`,
    value: Math.max(mean ?? Number.NaN, deviation ?? Number.NaN),
  }));
  const lost = bars.find(({ value }) => Number.isNaN(value));
  const largest = bars.reduce((a, b) => (b.value > a.value ? b : a));
  const most =
    lost === undefined
      ? `It is largest at ${largest.name}: ${formatNumber(largest.value)} σ`
      : `It is not finite at ${lost.name}`;
  return {
    title: "Drift of running statistics",
    content: [
      {
        kind: "figure",
        title: "How far running statistics are off",
        description: `The error of running means or of running standard deviations, whichever is larger, in σ of each channel (RMS over channels). ${most}. The dotted line is the threshold, ${thresholds.drift} σ.`,
        chart: {
          type: "bars",
          x: { label: "error, σ" },
          bars,
          references: [{ name: "threshold", x: thresholds.drift }],
        },
      },
      {
        kind: "table",
        caption:
          "Errors of the running means and standard deviations in σ; the share of the initial mean 0 and variance 1 that is left after so many batches",
        columns: ["norm", "means", "σ", "worst channel", "batches", "initial left", "skipped"],
        rows,
      },
    ],
  };
}
