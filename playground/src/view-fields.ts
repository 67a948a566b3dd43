import { choice, integer, number, numbers, type Values } from "./fields.js";
import { momenta } from "./training/momenta.js";

/** What of part 3 stands in the address. */
export const trainAndTestFields = {
  /** The network that is looked at, if both have running statistics. */
  tested: choice(["b", "a"]),
  /** Which statistics the layer is shown with. */
  statistics: choice(["batch", "running"]),
  /** The momentum whose memory is drawn. */
  memory: choice(momenta.map(String), "0.99"),
  /** How many samples share a batch with the one that is followed, itself included. */
  mates: integer(1, 256, 8),
};

/**
 * How many numbers a walk's mini-batch may have; with fewer than 4 there is hardly a spread, but one may see what the
 * library says.
 */
export const [fewest, most] = [1, 16];

const anything = [-1e6, 1e6] as const;

/** What of the walk stands in the address: its numbers, and how far it has come. */
export const walkFields = {
  /** Which step is shown, from 1. */
  walkStep: integer(1, 9, 1),
  walkX: numbers(...anything, most, [2, 4, 4, 4, 5, 5, 7, 9]),
  walkDy: numbers(...anything, most, [0, 0, 0, 0, 0, 0, 0, 1]),
  walkWeight: number(...anything, 1.5),
  walkBias: number(...anything, 1),
  walkEps: number(0, 1e6, 1e-5),
  /** At 1, where nothing would ever be learnt, the library refuses. */
  walkMomentum: number(0, 1, 0.9),
  walkRunningMean: number(...anything, 0),
  walkRunningVar: number(0, 1e6, 1),
};

/** The values of {@link walkFields}. */
export type WalkSettings = Values<typeof walkFields>;
