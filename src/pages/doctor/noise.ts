import type { Diagnosis } from "../../diagnostics/diagnose/diagnosis.js";
import { thresholds } from "../../diagnostics/diagnose/thresholds.js";
import { formatNumber } from "../format-number.js";
import type { Section } from "../page.js";

/** How much statistics scatter from batch to batch. */
export function noiseSection({ norms }: Diagnosis): Section | null {
  const noisy = norms.flatMap(({ layer, module, noise }) => (noise === null ? [] : [{ layer, module, noise }]));
  if (noisy.length === 0) return null;
  const most = noisy.reduce((a, b) => (b.noise.mean > a.noise.mean ? b : a));
  const rows = noisy.map(({ layer, module, noise }) => [
    `${layer}: ${module}`,
    noise.mean,
    noise.meanInTheory,
    noise.variance,
    noise.varianceInTheory ?? Number.NaN,
    noise.values,
    noise.effectiveValues,
    noise.batchSizeForSmallNoise,
  ]);
  return {
    title: "Noise of batch statistics",
    content: [
      {
        kind: "prose",
        text: "Batches were drawn from the samples many times. Neighbouring pixels are alike, so the mean of a batch is as noisy as that of fewer independent values: m is how many values there are, “effective” how many independent ones they are worth.",
      },
      {
        kind: "figure",
        title: "How much batch means vary",
        description: `The standard error of the batch mean in σ of each channel. It is largest at layer ${most.layer}: ${formatNumber(most.noise.mean)}. The dotted line is the threshold, ${thresholds.noise}: the standard error of 8 independent values.`,
        chart: {
          type: "bars",
          x: { label: "standard error of the mean, σ" },
          bars: noisy.map(({ layer, noise }) => ({ name: `layer ${layer}`, value: noise.mean })),
          references: [{ name: "threshold", x: thresholds.noise }],
        },
      },
      {
        kind: "table",
        caption: "Standard errors as measured, and in theory for m independent normal values: 1/√m and √(2/(m − 1))",
        columns: ["norm", "mean", "in theory", "variance", "in theory ", "m", "effective", "batch for 5 %"],
        rows,
      },
    ],
  };
}
