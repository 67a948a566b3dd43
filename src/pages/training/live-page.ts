import type { StepRecord } from "../../diagnostics/training-record.js";
import { version } from "../../version.js";
import type { Block, Page } from "../page.js";
import { type EpochSummary, learningCurves } from "./curves.js";

/** A training that is under way. */
export interface LiveTraining {
  /** What the run is called: its folder. */
  readonly name: string;
  /** One line on network and data. */
  readonly summary: string;
  /** The steps so far. */
  readonly steps: readonly StepRecord[];
  /** The epochs so far, and how many there will be. */
  readonly epochs: readonly EpochSummary[];
  readonly epochsInAll: number;
  /** What the run has warned of. */
  readonly warnings: readonly string[];
}

/** A browser asks for the page anew after so many seconds. */
const refreshSeconds = 2;

/** The page that shows a training while it runs. */
export function livePage({ name, summary, steps, epochs, epochsInAll, warnings }: LiveTraining): Page {
  const last = steps.at(-1);
  const tested = epochs.at(-1)?.test;
  const facts: Block = {
    kind: "facts",
    entries: [
      ["Epochs done", `${epochs.length} of ${epochsInAll}`],
      ["Steps", last === undefined ? 0 : last.step + 1],
      ...(last === undefined ? [] : [["Training loss", last.loss] as const]),
      ...(tested === undefined ? [] : [["Test loss", tested.loss] as const]),
      ...(typeof tested?.accuracy === "number" ? [["Test accuracy", tested.accuracy] as const] : []),
    ],
  };
  const notes = warnings.map((text): Block => ({ kind: "note", tone: "neutral", word: "Warning:", text }));
  return {
    title: `Training ${name}`,
    lead: summary,
    sections: [
      { title: "So far", content: [facts, ...notes] },
      ...(steps.length === 0 ? [] : [{ title: "Learning curves", content: learningCurves(steps, epochs) }]),
    ],
    origin: `Served by evenkeel train, version ${version}, until the training ends; it is updated every ${refreshSeconds} seconds.`,
    refreshSeconds,
  };
}
