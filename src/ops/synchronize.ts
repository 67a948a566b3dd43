import type { AffineMap, StatisticsView } from "../backend/backend.js";
import type { Communicator } from "../communicator.js";
import { ShapeError } from "../errors.js";
import { mergeRows } from "../moments.js";
import { empty, type Tensor } from "../tensor.js";

/** Whose statistics are taken together, and what messages call the layer. */
export interface Synchronization {
  readonly communicator: Communicator;
  /** `BatchNorm(64) at features.1` */
  readonly layer: string;
}

/**
 * Replaces the moments (count, mean, M2) of this rank's part of a batch by those of the whole batch: gathered and
 * merged on every rank in the order of ranks, so that all have the same bits. A part may be empty.
 *
 * @throws ShapeError on every rank if the whole batch has one value for a mean
 */
export function synchronizeMoments(moments: Tensor, { communicator, layer }: Synchronization): void {
  const { backend, size } = moments;
  const mine = new Float64Array(size);
  backend.readInto(moments.block, mine);
  const all = communicator.allGather(mine, `${layer}, forward`);
  const merged = new Float64Array(size);
  mergeRows(merged, all);
  for (let at = 0; at < size; at += 3) if (merged[at] === 1) throw tooFew(layer);
  backend.writeWide(moments.block, merged);
}

function tooFew(layer: string): ShapeError {
  return new ShapeError({
    where: `${layer}, forward(x)`,
    expected: "at least 2 values per channel over all ranks for batch statistics",
    received: "1",
    cure: "Use a larger batch, or normalise with GroupNorm or LayerNorm.",
  });
}

/**
 * The gradients of standardize where the moments are of all ranks, for columns (a parameter for each mean). With A = Σ
 * dy·x̂ and B = Σ dy over all ranks and m values in all: dx = weight·s·(dy − B/m − x̂·A/m), s = 1/√(variance + eps).
 * dweight and dbias are this rank's part: like those of every other parameter they are summed over ranks later.
 *
 * @param gradients - blocks that are filled; null where a gradient is not needed
 */
export function synchronizedGradient(
  dy: Tensor,
  x: Tensor,
  moments: Tensor,
  view: StatisticsView,
  map: AffineMap<unknown>,
  { dx, dweight, dbias }: { dx: unknown; dweight: unknown; dbias: unknown },
  { communicator, layer }: Synchronization,
): void {
  const { backend } = x;
  const sums = empty("standardize", backend, [view.kept, 2], 8);
  const given = [dy.block, x.block, moments.block, view, map, sums.block] as const;
  backend.standardizeGradientSums(...given);
  backend.standardizeGradientFromSums(...given, null, dweight, dbias);
  const all = new Float64Array(sums.size);
  backend.readInto(sums.block, all);
  communicator.allReduceSum(all, `${layer}, backward`);
  backend.writeWide(sums.block, all);
  backend.standardizeGradientFromSums(...given, dx, null, null);
  sums.dispose();
}
