import { noGrad } from "../../autograd.js";
import type { Batch } from "../../data/dataset.js";
import { ArgumentError } from "../../errors.js";
import type { AnyModule, Module } from "../../nn/module.js";
import { BatchNorm } from "../../nn/norms/batch-norm.js";
import { EvalNorm } from "../../nn/norms/eval-norm.js";
import { alongChannels, positionAxes } from "../../nn/norms/views.js";
import { add, sub } from "../../ops/binary.js";
import { square } from "../../ops/functions.js";
import { mean } from "../../ops/mean.js";
import { variance } from "../../ops/variance.js";
import { scope } from "../../scope.js";
import { keep, Tensor } from "../../tensor.js";
import { checkBatches, inputsOf } from "../../train/step.js";
import { convertNorm } from "../convert-norm.js";

/** A norm whose evaluation {@link evalNorm} has corrected. */
export interface CorrectedNorm {
  /** Its path, as in {@link Module.namedModules}. */
  readonly norm: string;
  /**
   * The share of a sample in the mean that it is normalised by: 1 / N where samples are independent, and batches of N.
   */
  readonly alpha: number;
  /** Its share in the mean square. */
  readonly beta: number;
}

/** Of each sample and channel: the distance of its mean from the running one, and its mean square distance. */
interface Sighting {
  readonly norm: BatchNorm;
  readonly distances: Tensor;
  readonly squares: Tensor;
}

/** Σ xy and Σ xx of a regression through 0. */
class Slope {
  #xy = 0;
  #xx = 0;

  add(x: number, y: number): void {
    this.#xy += x * y;
    this.#xx += x * x;
  }

  /** At least so much, and at most 1. */
  from(least: number): number {
    const slope = this.#xx > 0 ? this.#xy / this.#xx : least;
    return Math.min(Math.max(slope, least), 1);
  }
}

/**
 * Corrects how a model evaluates that was trained with batch norm at small batches: puts {@link EvalNorm} in place of
 * each {@link BatchNorm} with running statistics. In training, a sample is a part of the statistics that it is
 * normalised by; in evaluation by running ones it is not. α and β, how large a part, are estimated for each norm by
 * least squares over batches of the size of training, which need no labels: of the batch's mean, and of its mean
 * square, on those of each sample. Weights and running statistics stay as they are.
 *
 * The authors estimate α and β by gradient descent on the normalised outputs, for the same purpose.
 *
 * Source: Singh & Shrivastava 2019 (arXiv:1904.06031).
 *
 * @param model - changed in place, as by {@link convertNorm}
 * @param data - batches of the size of training: {@link Batch} or tensors
 * @returns α and β of each norm that the data reached; the others stay as they are
 * @throws ArgumentError if data are no batches or there is none, or the model is a norm itself
 * @example
 * ```ts
 * const model = new Sequential(new Conv2d(1, 4, 3), new BatchNorm(4), new ReLU());
 * const corrected = await evalNorm(model, [ones([2, 1, 6, 6]), zeros([2, 1, 6, 6])]);
 * corrected[0].norm; // "1"
 * ```
 */
export async function evalNorm(
  model: AnyModule,
  data: Iterable<Batch<unknown> | Tensor> | AsyncIterable<Batch<unknown> | Tensor>,
): Promise<CorrectedNorm[]> {
  checkBatches("evalNorm(model, data)", data);
  const modules = model.namedModules().map(([, module]) => module);
  const inside = new Set(modules.flatMap((module) => (module instanceof EvalNorm ? [module.norm] : [])));
  const norms = modules.filter(
    (module): module is BatchNorm => module.is(BatchNorm) && module.runningMean !== null && !inside.has(module),
  );
  const slopes = new Map(norms.map((norm) => [norm, { alpha: new Slope(), beta: new Slope() }]));
  const reached = new Set<BatchNorm>();
  const restore = modules.map((module) => module.saveMode());
  const sightings: Sighting[] = [];
  const stops = norms.map((norm) => norm.onForward((_, x) => sightings.push(sightingOf(norm, x))));
  let batches = 0;
  try {
    model.eval();
    for (const norm of norms) norm.normalizeWith = "batch";
    for await (const batch of data) {
      batches++;
      scope(() =>
        noGrad(() => void (model as unknown as Module).forward(batch instanceof Tensor ? batch : inputsOf(batch))),
      );
      for (const { norm, distances, squares } of sightings.splice(0)) {
        reached.add(norm);
        const given = [await distances.data(), await squares.data(), (await norm.runningVar?.data()) ?? []] as const;
        regress(slopes.get(norm), ...given, norm.eps);
        for (const t of [distances, squares]) t.dispose();
      }
    }
  } finally {
    for (const stop of stops) stop();
    for (const undo of restore) undo();
  }
  if (batches === 0) {
    throw new ArgumentError({
      where: "evalNorm(model, data)",
      expected: "batches of the size of training",
      received: "none",
      cure: "Pass some, and an iterator that is not spent.",
    });
  }
  const corrected: CorrectedNorm[] = [];
  convertNorm(model, (norm, name) => {
    const found = norm instanceof BatchNorm && reached.has(norm) ? slopes.get(norm) : undefined;
    if (found === undefined || !(norm instanceof BatchNorm)) return null;
    const alpha = found.alpha.from(0);
    const beta = found.beta.from(alpha ** 2);
    corrected.push({ norm: name, alpha, beta });
    return new EvalNorm(norm, { alpha, beta });
  });
  return corrected;
}

function sightingOf(norm: BatchNorm, x: Tensor): Sighting {
  const [distances, squares] = scope(() =>
    noGrad(() => {
      if (norm.runningMean === null) throw new Error("internal: running statistics are missing");
      const centred = sub(x, alongChannels(norm.runningMean, x.rank));
      const positions = positionAxes(x);
      if (positions.length === 0) return [centred, square(centred)];
      const distance = mean(centred, positions);
      return [distance, add(variance(x, positions), square(distance))];
    }),
  );
  return { norm, distances: keep(distances), squares: keep(squares) };
}

/** Adds what a batch says of the shares of its samples, in units of the running variance. */
function regress(
  slopes: { alpha: Slope; beta: Slope } | undefined,
  distances: Float32Array,
  squares: Float32Array,
  runningVar: ArrayLike<number>,
  eps: number,
): void {
  const channels = runningVar.length;
  const samples = distances.length / channels;
  for (let c = 0; c < channels; c++) {
    const unit = runningVar[c] + eps;
    let [distance, square] = [0, 0];
    for (let n = 0; n < samples; n++) {
      distance += distances[n * channels + c] / samples;
      square += squares[n * channels + c] / samples;
    }
    for (let n = 0; n < samples; n++) {
      const at = n * channels + c;
      slopes?.alpha.add(distances[at] / Math.sqrt(unit), distance / Math.sqrt(unit));
      slopes?.beta.add((squares[at] - runningVar[c]) / unit, (square - runningVar[c]) / unit);
    }
  }
}
