import type { DepthDiagnosis, Diagnosis } from "../../diagnostics/diagnose/diagnosis.js";
import { formatNumber } from "../format-number.js";
import type { Block, Figure, Section } from "../page.js";

/** How large activations and gradients are at each layer. */
export function depthSection({ depth }: Diagnosis): Section | null {
  if (depth.length === 0) return null;
  const rows = depth.map(({ layer, module, deviation, gradientNorm, relativeGradient }) => [
    `${layer}: ${module}`,
    deviation ?? Number.NaN,
    gradientNorm ?? Number.NaN,
    relativeGradient ?? Number.NaN,
  ]);
  const content: Block[] = [
    figure("Scale of activations", "standard deviation", depth, ({ deviation }) => deviation),
    figure("Gradients of weights", "gradient over weight", depth, ({ relativeGradient }) => relativeGradient),
    {
      kind: "table",
      caption:
        "Standard deviation of each layer’s output; norm of its weight’s gradient in one batch, alone and divided by the weight’s norm",
      columns: ["layer", "σ of output", "gradient", "gradient over weight"],
      rows,
    },
  ].filter((block) => block !== null) as Block[];
  return { title: "Through the depth", content };
}

function figure(
  title: string,
  label: string,
  depth: readonly DepthDiagnosis[],
  of: (layer: DepthDiagnosis) => number | null,
): Figure | null {
  const points = depth.flatMap((layer, k) => {
    const value = of(layer);
    return value === null ? [] : [{ k, name: layer.layer, value }];
  });
  if (points.length < 2) return null;
  const [first, last] = [points[0], points[points.length - 1]];
  return {
    kind: "figure",
    title,
    description: `From ${formatNumber(first.value)} at the first (${first.name}) to ${formatNumber(last.value)} at the last (${last.name}).`,
    chart: {
      type: "lines",
      x: { label: "layer, counted from the input" },
      y: { label, scale: "log" },
      series: [{ name: label, points: points.map(({ k, value }) => [k + 1, value]) }],
    },
  };
}
