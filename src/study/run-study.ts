import { ArgumentError } from "../errors.js";
import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";
import { onWarning } from "../warnings.js";
import type { Budget, Experiment, Measures, Question, StudyData, TrialContext } from "./experiment.js";
import { Results } from "./results.js";
import { type Conclusion, judge } from "./verdict.js";

/** What is known of a trial that has been run. */
export interface Trial {
  /** Of its {@link Trials}, condition and seed. */
  readonly key: string;
  /** What it has found. */
  readonly measures: Measures;
  /** How long it took. */
  readonly seconds: number;
}

/** Where trials are kept, so that a study goes on from them. */
export interface TrialStore {
  /** A trial that has been run before. */
  find(key: string): Trial | undefined;
  /** Keeps a trial. */
  add(trial: Trial): void;
}

/** What {@link StudyOptions.onProgress} is given. */
export interface StudyProgress {
  /** The name of the one under way. */
  readonly experiment: string;
  /** The condition that the trial runs under. */
  readonly condition: string;
  /** Counted from 0. */
  readonly seed: number;
  /** Trials that have been run. */
  readonly done: number;
  /** Time taken so far, by trials that were kept from earlier too. */
  readonly secondsSpent: number;
  /** An estimate; null before anything has been measured. */
  readonly secondsLeft: number | null;
}

/** Options of {@link runStudy}. */
export interface StudyOptions {
  /** In the order in which they are run. */
  readonly experiments: readonly Experiment[];
  /** What they train on. */
  readonly data: StudyData;
  /** @defaultValue "quick" */
  readonly budget?: Budget;
  /**
   * How many seeds each experiment has.
   *
   * @defaultValue pairs of seeds are added, up to 30, for as long as an experiment's share of the time lasts
   */
  readonly seeds?: number | undefined;
  /** All of the time. @defaultValue 900 for `quick`, 10,800 for `full` */
  readonly seconds?: number;
  /** @defaultValue in memory, for this call */
  readonly store?: TrialStore;
  /** Stops the study, in the midst of a trial, by throwing its reason. */
  readonly signal?: AbortSignal | undefined;
  /** See {@link TrialContext.pause}. @defaultValue nothing */
  readonly pause?: () => Promise<void>;
  /** Called before each trial. */
  readonly onProgress?: (progress: StudyProgress) => void;
  /** Called when an experiment is done. */
  readonly onFinding?: (finding: Finding) => void;
}

/** A question with its answer. */
export interface Answer extends Conclusion {
  /** What was asked. */
  readonly question: Question;
  /** The effect in each seed. */
  readonly effects: readonly number[];
}

/** What came out of an experiment. */
export interface Finding {
  /** What was run. */
  readonly experiment: Experiment;
  /** All that its trials have found. */
  readonly results: Results;
  /** One for each of its questions. */
  readonly answers: readonly Answer[];
}

/** How long a study of each budget takes, in seconds. */
export const studySeconds: Readonly<Record<Budget, number>> = { quick: 15 * 60, full: 3 * 3600 };

/** What is not clear by then is not worth the time. */
const mostSeeds = 30;

/**
 * Runs experiments one after another over paired seeds, and judges what they find.
 *
 * Without `seeds`, each experiment gets a part of the time that is left by its weight and by those that follow; seeds 0
 * and 1 are always run, and two more as long as they are expected to end in time. A trial is a pure function of data,
 * condition and seed, so a study that is interrupted and called again with the same store goes on after its last whole
 * trial, and ends as one that never was.
 *
 * @throws ArgumentError if there is nothing to run, or a number is out of range
 */
export async function runStudy(options: StudyOptions): Promise<Finding[]> {
  checkOptions("runStudy()", options, {
    experiments: true,
    data: true,
    budget: true,
    seeds: true,
    seconds: true,
    store: true,
    signal: true,
    pause: true,
    onProgress: true,
    onFinding: true,
  });
  const { experiments, data, budget = "quick", signal, pause = async () => {}, store = memoryStore() } = options;
  if (options.seeds !== undefined) checkCount("runStudy({ seeds })", "seeds", options.seeds);
  if (experiments.length === 0) {
    throw new ArgumentError({
      where: "runStudy({ experiments })",
      expected: "at least one experiment",
      received: "none",
      cure: "Pass some of { experiments }.",
    });
  }
  const clock = new Clock(options, budget);
  const context: TrialContext = { data, signal, pause };
  const findings: Finding[] = [];
  for (const experiment of experiments) {
    const conditions = experiment.conditions(budget);
    const measures = new Map<string, Measures[]>(conditions.map((condition) => [condition, []]));
    const seconds = new Map<string, number[]>(conditions.map((condition) => [condition, []]));
    const seeds: number[] = [];
    clock.begin(experiment, conditions.length);
    while (clock.allows(seeds.length)) {
      const seed = seeds.length;
      for (const condition of conditions) {
        signal?.throwIfAborted();
        options.onProgress?.({ experiment: experiment.name, condition, seed, ...clock.state });
        const key = `${experiment.trials.name}: ${condition}, seed ${seed}`;
        const trial = store.find(key) ?? (await runTrial(experiment, key, condition, seed, context));
        if (store.find(key) === undefined) store.add(trial);
        clock.add(trial);
        measures.get(condition)?.push(trial.measures);
        seconds.get(condition)?.push(trial.seconds);
      }
      seeds.push(seed);
    }
    const finding = conclude(experiment, budget, new Results(seeds, measures, seconds));
    options.onFinding?.(finding);
    findings.push(finding);
  }
  return findings;
}

async function runTrial(
  { trials }: Experiment,
  key: string,
  condition: string,
  seed: number,
  context: TrialContext,
): Promise<Trial> {
  // Small batches are what is studied.
  const before = onWarning(() => {});
  const started = performance.now();
  try {
    const measures = await trials.run(condition, seed, context);
    return { key, measures, seconds: (performance.now() - started) / 1000 };
  } finally {
    onWarning(before);
  }
}

function conclude(experiment: Experiment, budget: Budget, results: Results): Finding {
  const answers = experiment.questions(budget).map((question): Answer => {
    const effects = question.effects(results);
    return { question, effects, ...judge(effects, question.rule) };
  });
  return { experiment, results, answers };
}

function memoryStore(): TrialStore {
  const trials = new Map<string, Trial>();
  return { find: (key) => trials.get(key), add: (trial) => trials.set(trial.key, trial) };
}

/** Deals out the time of a study. A trial that two experiments share costs only the first of them. */
class Clock {
  readonly #seeds: number | undefined;
  readonly #seconds: number;
  readonly #waiting: { readonly weight: number; readonly conditions: number }[];
  readonly #counted = new Set<string>();
  #spent = 0;
  #done = 0;
  /** Of the experiment under way. */
  #share = 0;
  #used = 0;
  /** As used, but with trials that another experiment has paid for: what more of them would cost. */
  #measured = 0;
  #left = 0;

  constructor({ experiments, seeds, seconds }: StudyOptions, budget: Budget) {
    this.#seeds = seeds;
    this.#seconds = seconds ?? studySeconds[budget];
    this.#waiting = experiments.map(({ timeShare, conditions }) => ({
      // An experiment that the budget leaves out, asked for by name, gets its part of the full one.
      weight: timeShare[budget] || timeShare.full,
      conditions: conditions(budget).length,
    }));
  }

  begin(_: Experiment, conditions: number): void {
    const total = this.#waiting.reduce((sum, { weight }) => sum + weight, 0);
    const [{ weight }] = this.#waiting.splice(0, 1);
    this.#share = ((this.#seconds - this.#spent) * weight) / total;
    this.#used = 0;
    this.#measured = 0;
    this.#left = conditions * (this.#seeds ?? 0);
  }

  /** Whether there is to be another seed after so many. */
  allows(seeds: number): boolean {
    if (this.#seeds !== undefined) return seeds < this.#seeds;
    if (seeds < 2 || seeds % 2 === 1) return true;
    if (seeds >= mostSeeds) return false;
    return this.#used + (2 * this.#measured) / seeds <= this.#share;
  }

  add({ key, seconds }: Trial): void {
    this.#done++;
    this.#left--;
    this.#measured += seconds;
    if (this.#counted.has(key)) return;
    this.#counted.add(key);
    this.#spent += seconds;
    this.#used += seconds;
  }

  get state(): Pick<StudyProgress, "done" | "secondsSpent" | "secondsLeft"> {
    return { done: this.#done, secondsSpent: this.#spent, secondsLeft: this.#estimate() };
  }

  #estimate(): number | null {
    if (this.#seeds === undefined) return Math.max(0, this.#seconds - this.#spent);
    if (this.#done === 0) return null;
    const later = this.#waiting.reduce((sum, { conditions }) => sum + conditions, 0) * this.#seeds;
    return ((this.#left + later) * this.#spent) / this.#done;
  }
}
