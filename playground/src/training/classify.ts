import { guessesOf } from "./accuracy.js";
import type { Contest } from "./contest.js";
import { Trainer } from "./trainer.js";

/** The probabilities that each network gives to the classes of one input; null where the library has refused it. */
export function classify({ entrants }: Contest, input: Float32Array): (Float32Array | null)[] {
  return entrants.map((entrant) =>
    entrant instanceof Trainer && entrant.error === null ? entrant.predict(input) : null,
  );
}

/** The class that a network thinks likeliest, for each of the first so many test samples. */
export function guesses({ entrants }: Contest, { network, count }: { network: 0 | 1; count: number }): number[] {
  const trainer = entrants[network];
  if (!(trainer instanceof Trainer)) return [];
  const { inputs, labels } = trainer.data.test;
  return guessesOf(trainer.predict(inputs.subarray(0, (inputs.length / labels.length) * count)), count);
}
