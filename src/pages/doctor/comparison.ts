import type { Diagnosis, FindingKind } from "../../diagnostics/diagnose/diagnosis.js";
import { describeEvidence, groupFindings } from "../../diagnostics/diagnose/group-findings.js";
import { version } from "../../version.js";
import type { Series } from "../chart.js";
import { formatNumber } from "../format-number.js";
import type { Block, Figure, Page, PageTable, Section } from "../page.js";

/** One of two models that are compared. */
export interface Compared {
  /** Its file. */
  readonly model: string;
  readonly diagnosis: Diagnosis;
  /** The settings that it was trained with, as its file holds them. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The test loss after each epoch; empty where no run's folder holds it. */
  readonly curve: readonly (readonly [steps: number, loss: number])[];
}

/** Two models on the same data. */
export interface Comparison {
  readonly models: readonly [Compared, Compared];
  readonly data: string;
  readonly part: string;
}

/** What differs between two models, as rows of words. */
export interface Differences {
  /** Settings that are not the same: name, and each one's value. */
  readonly settings: readonly Row[];
  /** Scores, dead units and how far running statistics are off: what, and each one's figure. */
  readonly figures: readonly Row[];
  /** Findings that only one has. */
  readonly findings: readonly { readonly model: 0 | 1; readonly layer: string; readonly text: string }[];
}

type Row = readonly [name: string, first: string, second: string];

/** What a model does not have. */
const absent = "–";

/** What differs between two models. */
export function differencesOf({ models: [a, b] }: Comparison): Differences {
  const names = [...new Set([...Object.keys(a.settings), ...Object.keys(b.settings)])].sort();
  const settings = names.flatMap((name): Row[] => {
    const [first, second] = [a, b].map(({ settings }) => wordsOf(settings[name]));
    return first === second ? [] : [[name, first, second]];
  });
  const [first, second] = [a, b].map(figuresOf);
  const figures = [...new Set([...first.keys(), ...second.keys()])].map(
    (name): Row => [name, first.get(name) ?? absent, second.get(name) ?? absent],
  );
  return { settings, figures, findings: [...onlyIn(0, a, b), ...onlyIn(1, b, a)] };
}

function wordsOf(value: unknown): string {
  return value === undefined ? absent : typeof value === "string" ? value : JSON.stringify(value);
}

function figuresOf({ diagnosis, curve }: Compared): Map<string, string> {
  const { evaluation, gap, norms, activations, findings } = diagnosis;
  const shown = (value: number | null | undefined): string =>
    typeof value === "number" ? formatNumber(value) : absent;
  const rows: (readonly [string, string])[] = [["findings", String(groupFindings(findings).length)]];
  if (evaluation !== null) {
    rows.push(["loss in evaluation", shown(evaluation.loss)]);
    if (evaluation.accuracy !== null) rows.push(["accuracy in evaluation", shown(evaluation.accuracy)]);
  }
  if (gap !== null) rows.push(["loss with batch statistics", shown(gap.batch.loss)]);
  if (curve.length > 0) {
    rows.push(["last test loss", shown(curve[curve.length - 1][1])]);
    rows.push(["lowest test loss", shown(Math.min(...curve.map(([, loss]) => loss)))]);
  }
  if (activations.length > 0) {
    const dead = activations.reduce((sum, one) => sum + one.dead.length, 0);
    rows.push(["dead units", `${dead} of ${activations.reduce((sum, { channels }) => sum + channels, 0)}`]);
  }
  for (const { layer, drift } of norms) {
    if (drift !== null) rows.push([`running means of layer ${layer} off by, σ`, shown(drift.mean)]);
  }
  return new Map(rows);
}

function onlyIn(model: 0 | 1, own: Compared, other: Compared): Differences["findings"] {
  const others = new Set<FindingKind>(other.diagnosis.findings.map(({ kind }) => kind));
  return groupFindings(own.diagnosis.findings)
    .filter(({ worst }) => !others.has(worst.kind))
    .map((group) => ({
      model,
      layer: group.worst.layer === null ? "the model" : `layer ${group.worst.layer}`,
      text: `${describeEvidence(group)}. ${group.worst.advice}`,
    }));
}

/** What is said where no finding is of one model alone. */
export function sameFindings({ models: [{ diagnosis }] }: Comparison): string {
  return diagnosis.findings.length === 0 ? "Neither model has a finding." : "Both have findings of the same kinds.";
}

/** The page that says how two models differ. */
export function comparisonPage(comparison: Comparison): Page {
  const { models, data, part } = comparison;
  const { settings, figures, findings } = differencesOf(comparison);
  const only: Block[] =
    findings.length === 0
      ? [{ kind: "prose", text: sameFindings(comparison) }]
      : findings.map(({ model, layer, text }) => ({
          kind: "note",
          tone: "bad",
          word: `Only ${"AB"[model]}, ${layer}:`,
          text,
        }));
  const table = (caption: string, rows: readonly Row[]): PageTable => ({
    kind: "table",
    caption,
    columns: ["", "A", "B"],
    rows,
  });
  const curves = models.flatMap(({ curve }, k): Series[] =>
    curve.length === 0 ? [] : [{ name: "AB"[k], points: curve }],
  );
  const sections: (Section | null)[] = [
    { title: "Findings that only one has", content: only },
    { title: "Figures", content: [table("On the same samples", figures)] },
    settings.length === 0
      ? null
      : { title: "Settings that differ", content: [table("As the files hold them", settings)] },
    curves.length === 0 ? null : { title: "Test loss", content: [lossFigure(curves)] },
  ];
  const [a, b] = models;
  return {
    title: "How two models differ",
    lead: [
      "A is ",
      { code: a.model },
      ", B is ",
      { code: b.model },
      `; on ${a.diagnosis.samples} samples of `,
      { code: data },
      ` (${part}).`,
    ],
    sections: sections.filter((section) => section !== null),
    origin: `Written by evenkeel doctor, version ${version}. Formulas and thresholds: docs/doctor.md of the package.`,
  };
}

function lossFigure(series: readonly Series[]): Figure {
  const ends = series.map(({ name, points }) => `${name} ends at ${formatNumber(points[points.length - 1][1])}`);
  return {
    kind: "figure",
    title: "Test loss after each epoch",
    description: `${ends.join(", ")}.`,
    chart: { type: "lines", x: { label: "step" }, y: { label: "test loss" }, series },
  };
}
