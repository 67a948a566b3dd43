import type {
  ActivationDiagnosis,
  DepthDiagnosis,
  Diagnosis,
  FindingKind,
  Gap,
  NormDiagnosis,
  Score,
} from "../../diagnostics/diagnose/diagnosis.js";
import { describeEvidence, groupFindings } from "../../diagnostics/diagnose/group-findings.js";
import type { DataPart } from "../../node/data/load-data-as.js";
import { formatShort, formatTable } from "./table.js";

/** A diagnosis for the terminal: tables, notes, and what was found, the worst first. */
export function describeDiagnosis(
  diagnosis: Diagnosis,
  part: DataPart,
  commands: ReadonlyMap<FindingKind, string>,
): string {
  const { samples, batchSize, evaluation, gap, norms, activations, depth, notes, findings } = diagnosis;
  const withBatches = gap === null ? "" : `; with batch statistics ${score(gap.batch)}`;
  const scores = evaluation === null ? [] : [`in evaluation ${score(evaluation)}${withBatches}`];
  const noisy = norms.filter(({ noise }) => noise !== null);
  const blocks = [
    [`${samples} samples (${part}) in batches of ${batchSize}`, ...scores].join("\n"),
    ...(gap === null || gap.causes.length === 0 ? [] : [causesTable(gap)]),
    norms.length === 0 ? "no normalisation layer" : table(normHead, norms.map(normRow)),
    ...(noisy.length === 0 ? [] : [table(noiseHead, noisy.map(noiseRow))]),
    ...(activations.length === 0 ? [] : [table(activationHead, activations.map(activationRow))]),
    ...(depth.length === 0 ? [] : [table(depthHead, depth.map(depthRow))]),
    ...(notes.length === 0 ? [] : [notes.map((note) => `note: ${note}`).join("\n")]),
    findings.length > 0
      ? describeFindings(diagnosis, commands)
      : notes.length > 0
        ? "nothing found, as far as these data show"
        : "healthy: nothing found",
  ];
  return blocks.join("\n\n");
}

function describeFindings({ findings }: Diagnosis, commands: ReadonlyMap<FindingKind, string>): string {
  const lines = groupFindings(findings).map((group, k) => {
    const { kind, layer, advice } = group.worst;
    const line = `${k + 1}. ${layer === null ? "model" : `layer ${layer}`}: ${describeEvidence(group)}. ${advice}`;
    const command = commands.get(kind);
    return command === undefined ? line : `${line}\n   ${command}`;
  });
  return lines.join("\n");
}

function score({ loss, accuracy }: Score): string {
  return `loss ${shown(loss)}${accuracy === null ? "" : `, accuracy ${accuracy.toFixed(4)}`}`;
}

/** What nothing is known of. */
const none = "–";

/** A table without the columns in which nothing is known. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const known = head.map((_, k) => k === 0 || rows.some((row) => row[k] !== none));
  return formatTable([head, ...rows].map((row) => row.filter((_, k) => known[k])));
}

/** More norms than these are on the page. */
const mostCauses = 8;

function causesTable({ causes }: Gap): string {
  const rows = causes.slice(0, mostCauses).map(({ layer, gain }) => [layer, shown(gain)]);
  return table(["with batch statistics in this norm alone", "the loss falls by"], rows);
}

const normHead = [
  "norm",
  "mean off by",
  "deviation off by",
  "at worst",
  "initial left",
  "skipped",
  "γ near 0",
  "variance below eps",
];

function normRow(norm: NormDiagnosis): string[] {
  const { layer, module, drift, initialLeft, skippedBatches, smallWeights, smallVariances } = norm;
  return [
    `${layer}: ${module}`,
    ...(drift === null
      ? [none, none, none]
      : [shown(drift.mean), shown(drift.deviation), `${shown(drift.worst)} (channel ${drift.worstChannel})`]),
    percent(initialLeft),
    skippedBatches === 0 ? none : String(skippedBatches),
    percent(smallWeights),
    percent(smallVariances),
  ];
}

const noiseHead = [
  "noise of batches",
  "means",
  "in theory",
  "variances",
  "in theory",
  "values",
  "as independent",
  "5 % takes",
];

function noiseRow({ layer, noise }: NormDiagnosis): string[] {
  if (noise === null) return [layer];
  const { mean, meanInTheory, variance, varianceInTheory, values, effectiveValues, batchSizeForSmallNoise } = noise;
  return [
    layer,
    shown(mean),
    shown(meanInTheory),
    shown(variance),
    varianceInTheory === null ? none : shown(varianceInTheory),
    shown(values),
    shown(effectiveValues),
    `batches of ${batchSizeForSmallNoise}`,
  ];
}

const activationHead = ["activation", "channels", "dead", "saturated"];

function activationRow({ layer, module, channels, dead, saturated }: ActivationDiagnosis): string[] {
  return [`${layer}: ${module}`, String(channels), String(dead.length), percent(saturated)];
}

const depthHead = ["through the depth", "deviation", "gradient", "gradient over weight"];

function depthRow({ layer, module, deviation, gradientNorm, relativeGradient }: DepthDiagnosis): string[] {
  const known = (value: number | null): string => (value === null ? none : formatShort(value));
  return [`${layer}: ${module}`, shown(deviation), known(gradientNorm), known(relativeGradient)];
}

function percent(share: number | null): string {
  return share === null ? none : `${formatShort(100 * share)} %`;
}

function shown(value: number | null): string {
  return value === null ? "not finite" : formatShort(value);
}
