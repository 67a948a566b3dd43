import { classify, guesses } from "../training/classify.js";
import type { Contest } from "../training/contest.js";
import { exportRun } from "../training/export-run.js";
import { superposition } from "../training/linearity.js";
import { badBatch, renewStatistics } from "../training/repair.js";
import { batchMates, layerTwice, parametersOf, statisticsOf } from "../training/train-and-test.js";

/**
 * What the page may ask about the networks in training, between two steps: {@link Run.ask}. A view that needs more adds
 * a line.
 */
export const answers = {
  /** The run as it stands, as a file keeps it. */
  run: (contest: Contest) => exportRun(contest),
  statistics: statisticsOf,
  layerTwice,
  batchMates,
  superposition,
  parameters: parametersOf,
  badBatch,
  renewStatistics,
  classify,
  guesses,
};

export type Answers = typeof answers;
/** What is asked with a question. */
export type Question<Name extends keyof Answers> = Parameters<Answers[Name]> extends [Contest, infer Q] ? Q : undefined;
/** What comes back. */
export type Answer<Name extends keyof Answers> = Awaited<ReturnType<Answers[Name]>>;
