import type { StatisticsView } from "../../backend/backend.js";
import { ArgumentError } from "../../errors.js";
import { momentsOf } from "../../ops/standardize.js";
import { type Synchronization, synchronizeMoments } from "../../ops/synchronize.js";
import type { Tensor } from "../../tensor.js";
import type { Norm } from "./norm.js";

/** What the values that share a mean are called in messages. */
export interface Share {
  /** `channel` */
  readonly noun: string;
  /** That of index k: `channel 3` */
  readonly place: (k: number) => string;
}

/** The moments of x, taken together with those of other ranks: (kept, 3), to be disposed of. */
export function momentsAmongRanks(
  x: Tensor,
  view: StatisticsView,
  mask: Tensor | null,
  ranks: Synchronization | null,
): Tensor {
  const moments = momentsOf(x, view, mask);
  if (ranks !== null) synchronizeMoments(moments, ranks);
  return moments;
}

/**
 * As {@link momentsAmongRanks}, of values that x is to be normalised by.
 *
 * @throws ArgumentError if a share has one real value, or eps is 0 and it has no variance
 */
export function batchMoments(
  layer: Norm,
  x: Tensor,
  view: StatisticsView,
  mask: Tensor | null,
  share: Share,
  ranks: Synchronization | null = null,
): Tensor {
  const moments = momentsAmongRanks(x, view, mask, ranks);
  // Only asked where there is need, since it waits for the backend.
  if (mask !== null || layer.eps === 0) checkMoments(layer, moments, view, share);
  return moments;
}

function checkMoments(layer: Norm, moments: Tensor, { centred = true }: StatisticsView, { noun, place }: Share): void {
  const check = { is: "moments", some: false, several: centred, varied: layer.eps === 0 } as const;
  moments.backend.expect(check, moments.block, moments.size / 3, ({ place: k, value: count }) => {
    if (count === 1 && centred) {
      return new ArgumentError({
        where: `${layer}.forward(x, { mask })`,
        expected: `at least 2 real values, or none, per ${noun}`,
        received: `1 in ${place(k)}`,
        cure: "Leave out what has one value, or mask that one too.",
      });
    }
    return centred ? varianceError(layer, noun, place(k)) : zerosError(layer, noun, place(k));
  });
}

/** Says where there is no variance. */
export function varianceError(layer: Norm, noun: string, place: string): ArgumentError {
  return new ArgumentError({
    where: `${layer}.forward(x)`,
    expected: `variance in every ${noun}, since eps is 0`,
    received: `none in ${place}`,
    cure: "Set eps to a small positive number such as 1e-5.",
  });
}

/** Says where all values are 0, of a norm that does not subtract the mean. */
function zerosError(layer: Norm, noun: string, place: string): ArgumentError {
  return new ArgumentError({
    where: `${layer}.forward(x)`,
    expected: `a value other than 0 in every ${noun}, since eps is 0`,
    received: `none in ${place}`,
    cure: "Set eps to a small positive number such as 1e-6.",
  });
}
