import type { HistogramsRecord, NormsRecord, StepRecord, TrainingRecord } from "../../diagnostics/training-record.js";
import type { ModelMeta } from "../../formats/model-file/save-model.js";
import type { NormLag } from "../../train/lag.js";
import { version } from "../../version.js";
import type { Block, Page, Section } from "../page.js";
import { type EpochSummary, learningCurves } from "./curves.js";
import { normSection } from "./norms.js";
import { outcomeFacts, outcomeSections, type TrainingOutcome } from "./outcome.js";

/** How a run ended that did not reach its last epoch. */
export interface Ending {
  readonly kind: "diverged" | "interrupted";
  /** Where it ended, why, and how to go on. */
  readonly text: string;
}

/** What is known of a training run. */
export interface TrainingReport {
  /** What the run is called: its folder. */
  readonly name: string;
  /** One line on network and data. */
  readonly summary: string;
  /** What the model's file says. */
  readonly meta: ModelMeta;
  /** What was recorded in training, in its order. */
  readonly records: readonly TrainingRecord[];
  /** After each epoch. */
  readonly epochs: readonly EpochSummary[];
  /**
   * How far the running statistics lie from those of the last batches, before any recalibration; empty where that is
   * not known.
   */
  readonly lag: readonly NormLag[];
  /** How the model does on the test data; null where it was not looked at. */
  readonly outcome: TrainingOutcome | null;
  /** Null: it reached its end. */
  readonly ending: Ending | null;
  /** What the run warned of. */
  readonly warnings: readonly string[];
}

/** The page of a training: how it went, what normalisation did in it, and how good the model is. */
export function trainingReport(run: TrainingReport): Page {
  const { name, summary, meta, records, epochs, lag, outcome } = run;
  const steps = records.filter((record): record is StepRecord => record.kind === "step");
  const norms = records.filter((record): record is NormsRecord => record.kind === "norms");
  const histograms = records.filter((record): record is HistogramsRecord => record.kind === "histograms");
  const facts: Block = {
    kind: "facts",
    entries: [
      ...(outcome === null ? [] : outcomeFacts(outcome)),
      ["Epochs", epochs.length],
      ["Steps", steps.length === 0 ? 0 : steps[steps.length - 1].step + 1],
    ],
  };
  const curves: Section[] =
    // A single step makes no curve.
    steps.length < 2 ? [] : [{ title: "Learning curves", content: learningCurves(steps, epochs) }];
  return {
    title: `Training of ${name}`,
    lead: summary,
    sections: [
      { title: "Result", content: [facts, ...remarks(run), settings(meta)] },
      ...curves,
      ...(outcome === null ? [] : outcomeSections(outcome, meta)),
      normSection(norms, histograms, lag),
    ],
    origin: `Written by evenkeel train, version ${version}.`,
  };
}

/** How it ended, if before its time, and what it warned of. */
function remarks({ ending, warnings }: TrainingReport): Block[] {
  const word = ending?.kind === "diverged" ? "Diverged:" : "Interrupted:";
  return [
    ...(ending === null ? [] : [{ kind: "note", tone: "bad", word, text: ending.text } as const]),
    ...warnings.map((text): Block => ({ kind: "note", tone: "neutral", word: "Warning:", text })),
  ];
}

/** How it was trained. */
function settings({ training = {} }: ModelMeta): Block {
  const rows = Object.entries(training).map(([flag, value]): [string, string] => [flag, String(value)]);
  return {
    kind: "fold",
    summary: "Settings",
    content: [{ kind: "table", caption: "How it was trained", columns: ["setting", "value"], rows }],
  };
}
