import { integer, number, numbers, type Values } from "../../fields.js";
import type { WalkInputs } from "./walk.js";

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

/** The mini-batch that settings describe; samples without a gradient of their own have 0. */
export function walkInputsOf(settings: WalkSettings): WalkInputs {
  const { walkX: x, walkDy: dy } = settings;
  return {
    x,
    dy: x.map((_, k) => dy[k] ?? 0),
    weight: settings.walkWeight,
    bias: settings.walkBias,
    eps: settings.walkEps,
    momentum: settings.walkMomentum,
    runningMean: settings.walkRunningMean,
    runningVar: settings.walkRunningVar,
  };
}
