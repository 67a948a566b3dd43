import { backend as currentBackend } from "../backend/index.js";
import { empty, type Tensor } from "../tensor.js";
import { checkRange } from "./optimizer.js";

/**
 * Scales all gradients together so that their joint Euclidean norm is at most `maxNorm` (Pascanu et al. 2013, arXiv:1211.5063).
 * Leaves them alone where the norm is not finite.
 *
 * @param parameters - those without gradient are passed over
 * @param maxNorm - ≥ 0; infinity only measures
 * @returns the norm before
 * @throws ArgumentError if maxNorm is negative
 */
export async function clipGradNorm(parameters: Iterable<Tensor>, maxNorm: number): Promise<number> {
  if (maxNorm !== Number.POSITIVE_INFINITY) {
    checkRange("clipGradNorm(parameters, maxNorm)", "maxNorm", maxNorm, 0, Number.POSITIVE_INFINITY);
  }
  const gradients = [...parameters].flatMap(({ grad }) => (grad === null ? [] : [grad]));
  const backend = gradients[0]?.backend ?? currentBackend();
  const total = empty("clipGradNorm", backend, [], 8);
  const lists = gradients.map(({ block, size }) => ({ block, length: size }));
  backend.sumSquares(lists, total.block);
  if (maxNorm !== Number.POSITIVE_INFINITY) {
    backend.clipToNorm(lists, total.block, maxNorm);
  }
  const [squares] = await backend.readWide(total.block, 1);
  total.dispose();
  return Math.sqrt(squares);
}
