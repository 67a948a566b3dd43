import type { RenormLimits } from "../backend/backend.js";
import { empty, type Tensor } from "../tensor.js";

/** What batch renormalisation compares a batch with. */
export interface RenormReference {
  readonly mean: Tensor;
  readonly variance: Tensor;
  /** Its first value: batches seen. */
  readonly counters: Tensor;
}

/**
 * r and d of batch renormalisation, one of each per channel, without graph: Ioffe 2017 (arXiv:1702.03275), Algorithm 1.
 *
 * @param moments - of the batch, (channels, 3)
 */
export function renormFactors(
  moments: Tensor,
  { mean, variance, counters }: RenormReference,
  eps: number,
  limits: RenormLimits,
): { r: Tensor; d: Tensor } {
  const { backend } = moments;
  const channels = mean.size;
  const [r, d] = [empty("renormFactors", backend, [channels]), empty("renormFactors", backend, [channels])];
  const running = [mean.block, variance.block, counters.block] as const;
  backend.renormFactors(moments.block, channels, ...running, eps, limits, r.block, d.block);
  return { r, d };
}
