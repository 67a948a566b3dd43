import { noGrad } from "../autograd.js";
import type { Batch } from "../data/dataset.js";
import type { GradientExchange } from "../distributed/ranks.js";
import { ArgumentError, DivergedError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { add } from "../ops/binary.js";
import { type AdaptiveClipOptions, clipGradAdaptively } from "../optim/adaptive-clip.js";
import { clipGradNorm, squaresOf } from "../optim/gradients.js";
import type { Optimizer } from "../optim/optimizer.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import {
  backward,
  backwardOnRanks,
  numbersOfGroup,
  type Pass,
  type PassNumbers,
  type PassSettings,
  readPass,
} from "./backward.js";
import { findNonFinite } from "./divergence.js";

/** What a step needs besides the model and the batch. */
interface StepSettings<Target> extends PassSettings<Target> {
  readonly optimizer: Optimizer;
  readonly clipNorm: number;
  readonly adaptiveClip: AdaptiveClipOptions | null;
  /** Counted from 0. */
  readonly step: number;
  /** Sums gradients over ranks; null: this process is alone. */
  readonly exchange: GradientExchange | null;
  /**
   * What says on a device whether steps are taken: see {@link Optimization.openGate}. Null: the host decides, and waits
   * for the numbers.
   */
  readonly gate: Tensor | null;
}

/** What a step was like, over all ranks. */
export interface StepResult extends PassNumbers {
  /** Before clipping. */
  readonly gradientNorm: number;
}

/** A step that has been handed to the backend. */
export interface TakenStep {
  /** Whether the next step may be handed over before the numbers of this one are there. */
  readonly isLate: boolean;
  /**
   * When its numbers are there: what tells them.
   *
   * @throws DivergedError if they are not finite; the parameters are as before the step, whatever was handed to the
   * backend since
   */
  readonly coming: Promise<() => Promise<StepResult>>;
}

const largestStep = 1e30;

/**
 * One step: gradients of the mean loss over all samples of a group of batches, one after another; their check, and the
 * optimiser.
 *
 * @throws DivergedError if they are not finite and no gate says so; the parameters are as before
 * @throws ArgumentError if the optimiser has none of them
 */
export async function trainStep<Target>(
  model: Module,
  group: readonly Batch<Target>[],
  settings: StepSettings<Target>,
): Promise<TakenStep> {
  const { gate } = settings;
  if (gate !== null) return gatedStep(model, group, settings, gate);
  const result = await judgedStep(model, group, settings);
  return { isLate: false, coming: Promise.resolve(async () => result) };
}

/** The host looks at the numbers of the gradients, and lets the optimiser take the step. */
async function judgedStep<Target>(
  model: Module,
  group: readonly Batch<Target>[],
  settings: StepSettings<Target>,
): Promise<StepResult> {
  const { optimizer, clipNorm, adaptiveClip, exchange } = settings;
  const total = samplesOf(settings);
  const numbers: PassNumbers[] = [];
  for (const [k, batch] of group.entries()) {
    numbers.push(
      exchange === null
        ? await readPass(await backward(model, batch, settings, k, group.length === 1 ? null : total))
        : await backwardOnRanks(model, batch, settings, exchange, k, total),
    );
  }
  const { loss, right, samples } = numbersOfGroup(numbers, total);
  if (exchange === null) checkGradients(settings);
  const gradientNorm = await clipGradNorm(optimizer.parameters, Number.POSITIVE_INFINITY);
  // A step beyond this could overflow float32 and leave parameters that are not finite.
  const clipped = Math.min(gradientNorm, clipNorm);
  const tooFar = optimizer.lr * Math.max(1, clipped) > largestStep || clipped > optimizer.largestGradient;
  if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm) || tooFar) {
    optimizer.zeroGrad();
    throw await diverged(model, group, settings.step, loss, gradientNorm, optimizer.lr);
  }
  if (adaptiveClip !== null) clipGradAdaptively(optimizer.parameters, adaptiveClip);
  // Clipped in the pass of the step itself.
  optimizer.step({ gradientScale: gradientNorm > clipNorm ? clipNorm / gradientNorm : 1 });
  optimizer.zeroGrad();
  return { loss, right, samples, gradientNorm };
}

/** The device itself decides by the same rule, and the host is told later. */
async function gatedStep<Target>(
  model: Module,
  group: readonly Batch<Target>[],
  settings: StepSettings<Target>,
  gate: Tensor,
): Promise<TakenStep> {
  const { optimizer, clipNorm, adaptiveClip, step } = settings;
  const { backend } = gate;
  const { lr, largestGradient } = optimizer;
  const total = samplesOf(settings);
  const passes: Pass[] = [];
  for (const [k, batch] of group.entries()) {
    passes.push(await backward(model, batch, settings, k, group.length === 1 ? null : total));
  }
  checkGradients(settings);
  const squares = squaresOf(optimizer.parameters);
  scope(() =>
    noGrad(() => {
      // Not finite if any is not.
      const loss = passes.map((pass) => pass.loss).reduce((a, b) => add(a, b));
      backend.openGate(loss.block, squares.block, gate.block, { lr, clipNorm, largestStep, largestGradient });
    }),
  );
  if (adaptiveClip !== null) clipGradAdaptively(optimizer.parameters, adaptiveClip);
  const takeBack = optimizer.remember();
  optimizer.step({ gate });
  optimizer.zeroGrad();
  // All at once, so that they are answered together.
  const [numbers, sums, isOpen] = [
    Promise.all(passes.map(readPass)),
    backend.readWide(squares.block, 1),
    backend.readWide(gate.block, 1),
  ];
  squares.dispose();
  const coming = Promise.all([numbers, sums, isOpen]).then(([told, [sum], [open]]) => async () => {
    const { loss, right, samples } = numbersOfGroup(told, total);
    const gradientNorm = Math.sqrt(sum);
    if (open === 1) return { loss, right, samples, gradientNorm };
    takeBack();
    throw await diverged(model, group, step, loss, gradientNorm, lr);
  });
  return { isLate: true, coming };
}

function samplesOf({ parts }: StepSettings<never>): number {
  return parts.reduce((sum, part) => sum + part.total, 0);
}

/** @throws ArgumentError if no parameter of the optimiser has got a gradient */
function checkGradients({ optimizer, step }: StepSettings<never>): void {
  if (optimizer.parameters.some(({ grad }) => grad !== null)) return;
  throw new ArgumentError({
    where: `fit(model, data, { optimizer }), step ${step}`,
    expected: "an optimiser of parameters on which the loss depends",
    received: `${optimizer.parameters.length} parameters without a gradient`,
    cure: "Make it anew with model.parameters() of this very model.",
  });
}

async function diverged(
  model: Module,
  group: readonly Batch<unknown>[],
  step: number,
  loss: number,
  gradientNorm: number,
  lr: number,
): Promise<DivergedError> {
  let layer: string | null = null;
  for (const batch of group) layer ??= await findNonFinite(model, batch);
  const what = Number.isFinite(loss) ? `gradients of norm ${gradientNorm}` : `a loss of ${loss}`;
  const where =
    layer === null ? "all outputs of layers are finite" : `the first layer whose output is not finite is ${layer}`;
  return new DivergedError({
    where: `fit(model, data), step ${step}`,
    expected: "a finite loss, finite gradients and a step that fits float32",
    received: `${what}; ${where}`,
    cure: `Lower the learning rate (now ${Number(lr.toPrecision(4))}), clip gradients, or look for non-finite values in the data.`,
    step,
    layer,
  });
}
