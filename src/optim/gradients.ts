import type { Values } from "../backend/backend.js";
import { backend as currentBackend } from "../backend/index.js";
import { checkRange } from "../check-range.js";
import { empty, type Tensor } from "../tensor.js";

/**
 * Scales all gradients together so that their joint Euclidean norm is at most `maxNorm` (Pascanu et al. 2013,
 * arXiv:1211.5063). Leaves them alone where the norm is not finite.
 *
 * @param parameters - those without gradient are passed over
 * @param maxNorm - ≥ 0; infinity only measures
 * @returns the norm before
 * @throws ArgumentError if maxNorm is negative
 */
export async function clipGradNorm(parameters: Iterable<Tensor>, maxNorm: number): Promise<number> {
  if (maxNorm !== Number.POSITIVE_INFINITY) {
    checkRange("clipGradNorm(parameters, maxNorm)", "maxNorm", maxNorm);
  }
  const listed = [...parameters];
  const total = squaresOf(listed);
  const { backend } = total;
  if (maxNorm !== Number.POSITIVE_INFINITY) backend.clipToNorm(gradientsOf(listed), total.block, maxNorm);
  const [squares] = await backend.readWide(total.block, 1);
  total.dispose();
  return Math.sqrt(squares);
}

/** Σ g² over all gradients, one wide number: to be disposed of. */
export function squaresOf(parameters: readonly Tensor[]): Tensor {
  const backend = parameters.find(({ grad }) => grad !== null)?.backend ?? currentBackend();
  const total = empty("clipGradNorm", backend, [], 8);
  backend.sumSquares(gradientsOf(parameters), total.block);
  return total;
}

function gradientsOf(parameters: readonly Tensor[]): Values<unknown>[] {
  return parameters.flatMap(({ grad }) => (grad === null ? [] : [{ block: grad.block, length: grad.size }]));
}
