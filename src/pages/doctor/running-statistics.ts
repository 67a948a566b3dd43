import type { Diagnosis } from "../../diagnostics/diagnose/diagnosis.js";
import { thresholds } from "../../diagnostics/diagnose/thresholds.js";
import { formatNumber } from "../format-number.js";
import type { Block, Section } from "../page.js";

/** Evaluation against batch statistics, on the same data. */
export function gapSection({ gap }: Diagnosis): Section | null {
  if (gap === null) return null;
  const { running, batch, difference, standardError, causes } = gap;
  const rows = [
    ["running, as in evaluation", running.loss ?? Number.NaN, running.accuracy ?? Number.NaN],
    ["of each batch, as in training", batch.loss ?? Number.NaN, batch.accuracy ?? Number.NaN],
  ];
  const known = causes.flatMap(({ layer, gain }) => (gain === null ? [] : [{ name: `layer ${layer}`, value: gain }]));
  const error = standardError === null ? "" : `, with a standard error of ${formatNumber(standardError)}`;
  const content: Block[] = [
    {
      kind: "prose",
      text: `In training a batch norm uses the statistics of the batch, in evaluation its running ones. On the same data, without dropout, the loss in evaluation less that with batch statistics is ${difference === null ? "not finite" : formatNumber(difference)}${error}.`,
    },
    { kind: "table", caption: "Scores by the statistics used", columns: ["statistics", "loss", "accuracy"], rows },
  ];
  if (known.length > 0) {
    content.push({
      kind: "figure",
      title: "Which norms the gap comes from",
      description: `How much the loss falls if one norm alone is given batch statistics. Most is won at ${known[0].name}: ${formatNumber(known[0].value)}.`,
      chart: {
        type: "bars",
        x: { label: "fall of the loss" },
        bars: known.slice(0, 20),
      },
    });
  }
  return { title: "Evaluation against training", content };
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
    lost === undefined ? `most at ${largest.name}: ${formatNumber(largest.value)}` : `not finite at ${lost.name}`;
  return {
    title: "Drift of running statistics",
    content: [
      {
        kind: "figure",
        title: "How far running statistics lie off those of the data",
        description: `The larger of means and deviations, in deviations of each channel, root mean square over channels; ${most}. Dotted: ${thresholds.drift}, from where on it is a finding.`,
        chart: {
          type: "bars",
          x: { label: "deviations" },
          bars,
          references: [{ name: "threshold", x: thresholds.drift }],
        },
      },
      {
        kind: "table",
        caption:
          "In deviations of each channel; what is left of the initial mean 0 and variance 1 after so many batches",
        columns: ["norm", "means", "deviations", "worst channel", "batches", "initial left", "skipped"],
        rows,
      },
    ],
  };
}
