import type { Diagnosis, Finding, FindingKind } from "../../diagnostics/diagnose/diagnosis.js";
import { describeEvidence, groupFindings } from "../../diagnostics/diagnose/group-findings.js";
import { version } from "../../version.js";
import { formatNumber } from "../format-number.js";
import type { Block, Page, Section } from "../page.js";
import { depthSection } from "./depth.js";
import { noiseSection } from "./noise.js";
import { driftSection, gapSection } from "./running-statistics.js";
import { unitSection } from "./units.js";

/** Beyond so many times its threshold a figure says no more than that it is far off. */
const beyondFigures = 500;

/** A diagnosis, and what was diagnosed. */
export interface DoctorReport {
  /** The model's file. */
  readonly model: string;
  /** What it was given. */
  readonly data: string;
  readonly part: string;
  readonly diagnosis: Diagnosis;
  /** What to type for findings that a command mends. */
  readonly commands: ReadonlyMap<FindingKind, string>;
}

/** The page that says whether normalisation is healthy in a model. */
export function doctorReport({ model, data, part, diagnosis, commands }: DoctorReport): Page {
  const { samples, batchSize, findings, notes } = diagnosis;
  const facts: Block = {
    kind: "facts",
    entries: [
      ["Findings", groupFindings(findings).length],
      ["Samples", samples],
      ["Batch size", batchSize],
      ...scores(diagnosis),
    ],
  };
  const remarks = notes.map((text): Block => ({ kind: "note", tone: "neutral", word: "Note:", text }));
  const sections: (Section | null)[] = [
    { title: "Findings", content: [facts, ...findingBlocks(findings, commands), ...remarks] },
    gapSection(diagnosis),
    driftSection(diagnosis),
    noiseSection(diagnosis),
    unitSection(diagnosis),
    depthSection(diagnosis),
  ];
  return {
    title: "Is normalisation healthy?",
    lead: ["The model ", { code: model }, ` on ${samples} samples of `, { code: data }, ` (${part}).`],
    sections: sections.filter((section) => section !== null),
    origin: `Written by evenkeel doctor, version ${version}. Formulas and thresholds: docs/doctor.md of the package.`,
  };
}

function scores({ evaluation, gap }: Diagnosis): [string, number][] {
  if (evaluation === null) return [];
  const [name, as] = evaluation.accuracy === null ? (["Loss", "loss"] as const) : (["Accuracy", "accuracy"] as const);
  const own: [string, number] = [`${name} in evaluation`, evaluation[as] ?? Number.NaN];
  return gap === null ? [own] : [own, [`${name} with batch statistics`, gap.batch[as] ?? Number.NaN]];
}

function findingBlocks(findings: readonly Finding[], commands: ReadonlyMap<FindingKind, string>): Block[] {
  if (findings.length === 0) {
    const text = "On these data no figure is beyond its threshold.";
    return [{ kind: "note", tone: "good", word: "Healthy.", text }];
  }
  return groupFindings(findings).map((group): Block => {
    const { kind, layer, severity, advice } = group.worst;
    const times = severity < beyondFigures ? ` (${formatNumber(severity)} times the threshold)` : "";
    const word = layer === null ? "The model:" : `Layer ${layer}:`;
    const command = commands.get(kind);
    const text = `${describeEvidence(group)}${times}. ${advice}`;
    return { kind: "note", tone: "bad", word, text: command === undefined ? text : [`${text} `, { code: command }] };
  });
}
