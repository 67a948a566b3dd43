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
        text: "Batches were drawn again and again from the samples. Neighbouring pixels are alike, so that the mean of a batch scatters as that of fewer independent values: m is what there are, “as independent” what they are worth.",
      },
      {
        kind: "figure",
        title: "How much means of batches scatter",
        description: `The standard error in deviations of each channel; most at layer ${most.layer}: ${formatNumber(most.noise.mean)}. Dotted: ${thresholds.noise}, that of 8 independent values, from where on it is a finding.`,
        chart: {
          type: "bars",
          x: { label: "standard error of the mean" },
          bars: noisy.map(({ layer, noise }) => ({ name: `layer ${layer}`, value: noise.mean })),
          references: [{ name: "threshold", x: thresholds.noise }],
        },
      },
      {
        kind: "table",
        caption: "Standard errors measured, and those of m independent normal values: 1/√m, √(2/(m − 1))",
        columns: ["norm", "mean", "in theory", "variance", "in theory ", "m", "as independent", "batch for 5 %"],
        rows,
      },
    ],
  };
}
