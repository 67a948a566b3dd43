import { classify, guesses } from "../training/classify.js";
import type { Contest } from "../training/contest.js";
import { superposition } from "../training/linearity.js";
import { batchMates, layerTwice, parametersOf, statisticsOf } from "../training/train-and-test.js";

/** Loaded when first asked for, so that the first picture need not wait for what repairs and saves networks. */
const repair = () => import("../training/repair.js");
const saving = () => import("../training/export-run.js");

/**
 * What the page may ask about the networks in training, between two steps: {@link Run.ask}. A view that needs more adds
 * a line.
 */
export const answers = {
  /** The run as it stands, as a file keeps it. */
  run: async (contest: Contest) => (await saving()).exportRun(contest),
  statistics: statisticsOf,
  layerTwice,
  batchMates,
  superposition,
  parameters: parametersOf,
  badBatch: async (contest: Contest, network: 0 | 1) => (await repair()).badBatch(contest, network),
  renewStatistics: async (contest: Contest, network: 0 | 1) => (await repair()).renewStatistics(contest, network),
  classify,
  guesses,
};

export type Answers = typeof answers;
/** What is asked with a question. */
export type Question<Name extends keyof Answers> = Parameters<Answers[Name]> extends [Contest, infer Q] ? Q : undefined;
/** What comes back. */
export type Answer<Name extends keyof Answers> = Awaited<ReturnType<Answers[Name]>>;
