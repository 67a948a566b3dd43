import type { Diagnosis } from "../../diagnostics/diagnose/diagnosis.js";
import type { Figure, PageTable, Section } from "../page.js";

/** More numbers than these are no help. */
const mostListed = 12;

/** Units that are dead or saturated, and channels that are switched off. */
export function unitSection({ activations, norms, samples }: Diagnosis): Section | null {
  if (activations.length === 0) return null;
  const rows = activations.map(({ layer, module, channels, dead, saturated, norm }) => [
    `${layer}: ${module}`,
    norm ?? "–",
    channels,
    dead.length,
    dead.length === 0 ? "–" : `${dead.slice(0, mostListed).join(", ")}${dead.length > mostListed ? ", …" : ""}`,
    100 * (saturated ?? Number.NaN),
  ]);
  const total = activations.reduce((sum, { dead }) => sum + dead.length, 0);
  const all = activations.reduce((sum, { channels }) => sum + channels, 0);
  const silent = norms.flatMap(({ layer, module, smallWeights, smallVariances }) =>
    smallWeights === null && smallVariances === null
      ? []
      : [[`${layer}: ${module}`, 100 * (smallWeights ?? Number.NaN), 100 * (smallVariances ?? Number.NaN)]],
  );
  const switches: PageTable = {
    kind: "table",
    caption: "Channels that a norm switches off (|γ| near 0), and channels whose variance is below eps",
    columns: ["norm", "γ near 0, %", "variance below eps, %"],
    rows: silent,
  };
  const description = `${total} of ${all} channels are 0 for all ${samples} samples (after activations other than ReLU: have the same value).`;
  const shares = activations.map(({ layer, dead, channels }) => ({
    name: `layer ${layer}`,
    value: (100 * dead.length) / channels,
  }));
  const figure: Figure = {
    kind: "figure",
    title: "Dead channels after each activation",
    description,
    chart: {
      type: "bars",
      x: { label: "dead channels, %", domain: [0, Math.max(5, ...shares.map(({ value }) => value))] },
      bars: shares,
    },
  };
  return {
    title: "Dead and saturated units",
    content: [
      total === 0 ? { kind: "prose", text: description } : figure,
      {
        kind: "table",
        caption: "Each activation, and the norm right before it",
        columns: ["activation", "norm", "channels", "dead", "which", "saturated, %"],
        rows,
      },
      ...(silent.length === 0 ? [] : [switches]),
    ],
  };
}
