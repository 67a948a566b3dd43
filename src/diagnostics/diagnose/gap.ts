import type { Module } from "../../nn/module.js";
import type { RunningNorm } from "../../nn/norms/running-norm.js";
import { type Evaluation, measure } from "../../train/evaluate.js";
import type { Loss } from "../../train/step.js";
import { finite } from "../distribution.js";
import type { Gap, GapCause, Score } from "./diagnosis.js";
import type { Passes } from "./passes.js";
import { thresholds } from "./thresholds.js";

/** A model, what it is measured on, and its norms that have running statistics, by path. */
export interface GapSubject<Target> {
  readonly model: Module;
  readonly passes: Passes<Target>;
  readonly loss: Loss<Target> | undefined;
  readonly norms: readonly (readonly [name: string, norm: RunningNorm])[];
}

/** How well a model in evaluation mode does. */
export async function evaluationOf<Target>(subject: GapSubject<Target>): Promise<Score> {
  return scoreOf(await scoresOf(subject, []));
}

/**
 * How much worse a model (in evaluation mode) is with running statistics than with those of batches, and for which
 * norms: each in turn is given batch statistics, all others keep running ones.
 */
export async function gapOf<Target>(subject: GapSubject<Target>): Promise<Gap> {
  const { norms } = subject;
  const running = await scoresOf(subject, []);
  const batch = await scoresOf(
    subject,
    norms.map(([, norm]) => norm),
  );
  const difference = finite(meanOf(running, "loss") - meanOf(batch, "loss"));
  const gap = {
    running: scoreOf(running),
    batch: scoreOf(batch),
    difference,
    standardError: difference === null ? null : standardError(running, batch, difference),
  };
  if (!isGap(gap)) return { ...gap, causes: [] };
  const causes: GapCause[] = [];
  for (const [layer, norm] of norms) {
    const one = await scoresOf(subject, [norm]);
    causes.push({ layer, gain: finite(meanOf(running, "loss") - meanOf(one, "loss")) });
  }
  return { ...gap, causes: causes.sort((a, b) => (b.gain ?? -1) - (a.gain ?? -1)) };
}

/** Whether evaluation is worse by more than chance and by enough to matter. */
export function isGap({ running, batch, difference, standardError: error }: Omit<Gap, "causes">): boolean {
  if (difference === null || batch.loss === null) return running.loss === null && batch.loss !== null;
  if (error === null || difference < thresholds.standardErrors * error) return false;
  return difference > thresholds.gap * Math.abs(batch.loss);
}

async function scoresOf<Target>(
  { model, passes, loss, norms }: GapSubject<Target>,
  withBatches: readonly RunningNorm[],
): Promise<Evaluation[]> {
  for (const [, norm] of norms) norm.normalizeWith = withBatches.includes(norm) ? "batch" : "running";
  const scores: Evaluation[] = [];
  for await (const batch of passes) scores.push(await measure(model, [batch], loss === undefined ? {} : { loss }));
  return scores;
}

function meanOf(scores: readonly Evaluation[], name: "loss" | "accuracy"): number {
  const samples = scores.reduce((total, score) => total + score.samples, 0);
  return scores.reduce((total, score) => total + (score[name] ?? Number.NaN) * score.samples, 0) / samples;
}

function scoreOf(scores: readonly Evaluation[]): Score {
  return { loss: finite(meanOf(scores, "loss")), accuracy: finite(meanOf(scores, "accuracy")) };
}

/** Of the mean difference, batches being drawn at random. */
function standardError(a: readonly Evaluation[], b: readonly Evaluation[], difference: number): number | null {
  if (a.length < thresholds.batches) return null;
  const squares = a.reduce((total, { loss }, k) => total + (loss - b[k].loss - difference) ** 2, 0);
  return Math.sqrt(squares / (a.length - 1) / a.length);
}
