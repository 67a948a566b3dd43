import { networksOf } from "../networks-of.js";
import type { Experiment } from "../settings.js";
import { pointsOf, type TrainingData } from "./data-sets.js";
import { fetchDigits } from "./digits.js";
import { Trainer } from "./trainer.js";

/** One of the two networks: in training, or refused by the library when it was to be built. */
export type Entrant = Trainer | { readonly error: string };

/** Two networks with equal seeds that train in turn on the same data. */
export class Contest {
  readonly experiment: Experiment;
  readonly data: TrainingData;
  readonly entrants: readonly [a: Entrant, b: Entrant];

  /** Builds the networks. */
  constructor(experiment: Experiment, data: TrainingData) {
    this.experiment = experiment;
    this.data = data;
    const [a, b] = networksOf(experiment);
    this.entrants = [enter(a, data, experiment.seed), enter(b, data, experiment.seed)];
  }

  /**
   * Makes or fetches the data as the experiment says, and builds the networks.
   *
   * @param onGpu - whether the GPU that `webgpu()` has opened takes their steps
   */
  static async open(experiment: Experiment, { onGpu = false } = {}): Promise<Contest> {
    const { data, noise, seed } = experiment;
    const contest = new Contest(experiment, data === "digits" ? await fetchDigits() : pointsOf(data, noise, seed));
    if (onGpu) for (const trainer of contest.trainers) await trainer.moveToGpu();
    return contest;
  }

  /** Those that could be built. */
  get trainers(): readonly Trainer[] {
    return this.entrants.filter((entrant) => entrant instanceof Trainer);
  }

  /** Whether neither can go on. */
  get isOver(): boolean {
    return this.entrants.every(({ error }) => error !== null);
  }

  /** One step of each. */
  async step(): Promise<void> {
    for (const trainer of this.trainers) await trainer.step();
  }

  /** Brings the networks up to date where a GPU trains them: see {@link Trainer.fetch}. */
  async fetch(): Promise<void> {
    for (const trainer of this.trainers) await trainer.fetch();
  }

  dispose(): void {
    for (const trainer of this.trainers) trainer.dispose();
  }
}

function enter(...[settings, data, seed]: ConstructorParameters<typeof Trainer>): Entrant {
  try {
    return new Trainer(settings, data, seed);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
