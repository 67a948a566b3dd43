import type { Dataset } from "../data/dataset.js";
import type { Shape } from "../shape.js";
import type { StudyFigure } from "./figure.js";
import type { Results } from "./results.js";
import type { Rule } from "./verdict.js";

/** How much of a study is done: four experiments in a quarter of an hour, or all in three hours. */
export type Budget = "quick" | "full";

/** Images with classes, on which a study trains. */
export interface StudyData {
  /** What trials draw their training images from. */
  readonly train: Dataset<Int32Array>;
  /** What they are measured on. */
  readonly test: Dataset<Int32Array>;
  /** (C, H, W) */
  readonly inputShape: Shape;
  /** How many classes there are. */
  readonly classes: number;
}

/** What a trial needs besides its key. */
export interface TrialContext {
  /** What it trains on. */
  readonly data: StudyData;
  /** Stops the trial by throwing its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called, and awaited, between steps: lets signals and the terminal have their turn. */
  readonly pause: () => Promise<void>;
}

/** What a trial has found: finite numbers, so that JSON keeps it. */
export type Measures = Readonly<Record<string, number | readonly number[]>>;

/** Trials of one kind. Experiments that look at the same trainings share them. */
export interface Trials<M extends Measures = Measures> {
  /** What stands before the condition in a trial's key. */
  readonly name: string;
  /**
   * One trial: the same numbers for the same data, condition and seed, on any machine. Seeds the library's generator.
   */
  run(condition: string, seed: number, context: TrialContext): Promise<M>;
}

/** Something that is asked of the results, with the rule of its answer. */
export interface Question<M extends Measures = Measures> {
  /** The claim, as a sentence. */
  readonly claim: string;
  /** The unit in which the effect is measured. */
  readonly unit: string;
  /** How its answer is judged. */
  readonly rule: Rule;
  /** The effect in each seed, in their order; positive in the direction of the claim. */
  effects(results: Results<M>): readonly number[];
}

/** Where a claim is from. */
export interface Source {
  /** Authors, year, title, and the place in it. */
  readonly words: string;
  /** Its address. */
  readonly link: string;
}

/** A published figure beside what was measured here. */
export interface Comparison {
  /** What both are of. */
  readonly what: string;
  /** With its unit, and what it was measured on. */
  readonly published: string;
  /** The mean over the seeds, in the same unit. */
  readonly ours: number;
}

/** A claim of papers with all that is needed to measure it: fixed before there are results. */
export interface Experiment<M extends Measures = Measures> {
  /** One word, by which it is asked for. */
  readonly name: string;
  /** What is looked at. */
  readonly title: string;
  /** Where the claim is from. */
  readonly sources: readonly Source[];
  /** What the claim is, and why it should be so. */
  readonly hypothesis: string;
  /** How it is measured. */
  readonly method: string;
  /** Its part of the time of a study, in comparison with those of the others; 0 where it is left out. */
  readonly timeShare: Readonly<Record<Budget, number>>;
  /** What is run. */
  readonly trials: Trials<M>;
  /** What is compared: each seed is run under each of them. */
  conditions(budget: Budget): readonly string[];
  /** What is asked of the results. */
  questions(budget: Budget): readonly Question<M>[];
  /** Published figures beside the means of ours. */
  comparisons(results: Results<M>): readonly Comparison[];
  /** What the results look like. */
  figures(results: Results<M>): readonly StudyFigure[];
}
