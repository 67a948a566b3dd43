import { firstLargest } from "../backend/host-steps.js";
import { tensor } from "../create.js";
import type { Batch, TensorData } from "../data/dataset.js";
import { toTensor } from "../data/to-tensor.js";
import { ArgumentError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { crossEntropy } from "../ops/cross-entropy.js";
import type { Generator } from "../random.js";
import { type Shape, sizeOf } from "../shape.js";
import { shown } from "../shown.js";
import { Tensor } from "../tensor.js";

/** What a loss function is given for targets of this kind: data from the host arrive as a tensor. */
export type LossTarget<Target> = Target extends TensorData ? Tensor : Target;

/**
 * A scalar to be made small, from the network's output and the targets; {@link crossEntropy} and {@link mse} are such.
 */
export type Loss<Target> = (output: Tensor, targets: LossTarget<Target>) => Tensor;

type Batches<Target> = Iterable<Batch<Target>> | AsyncIterable<Batch<Target>>;

/**
 * Batches, gone through once for each epoch. {@link batches} makes them; an array or any other (async) iterable will
 * do.
 *
 * For {@link fit} to go on exactly from a checkpoint, an iterable of one's own must give the same batches again when
 * its generators stand where they stood, and draw for a batch no sooner than it is asked for it. Without `from` a
 * resumed pass is gone through from its start, and the batches that were done are thrown away.
 */
export type Data<Target> = Batches<Target> & {
  /** Batches in a pass, where their number is known. */
  readonly length?: number;
  /** Generators that a pass draws from, besides the one that `seed()` sets: a checkpoint keeps their state. */
  readonly generators?: readonly Generator[];
  /**
   * The rest of a pass from a batch on. Draws at once what a pass draws at its start, such as the order, and nothing
   * for the batches left out.
   */
  from?(batch: number): Batches<Target>;
};

/**
 * Checks, for callers without types, that data can be gone through.
 *
 * @throws ArgumentError if they are a dataset, say, whose batches nobody has cut
 */
export function checkBatches(where: string, data: unknown): void {
  if (typeof data === "object" && data !== null && (Symbol.asyncIterator in data || Symbol.iterator in data)) return;
  const isDataset = typeof data === "object" && data !== null && "batch" in data;
  throw new ArgumentError({
    where,
    expected: "batches, one after another",
    received: isDataset ? "a dataset" : typeof data,
    cure: "Pass batches(dataset, { batchSize: 64 }), or an array of batches.",
  });
}

function isTensorData(value: unknown): value is TensorData {
  return typeof value === "object" && value !== null && "values" in value && "shape" in value;
}

/** The inputs as a tensor, made here if they are data of the host. */
export function inputsOf({ inputs }: Batch<unknown>): Tensor {
  return inputs instanceof Tensor ? inputs : tensor(inputs.values, inputs.shape);
}

/** What the network gives for a batch's inputs: `forward(x)`, or `forward(x, { mask })` where the batch has one. */
export function forwardOf(model: Module, { mask }: Batch<unknown>, inputs: Tensor): Tensor {
  return mask === undefined
    ? model.forward(inputs)
    : Reflect.apply(model.forward, model, [inputs, { mask: toTensor(mask) }]);
}

/** Whether a batch is a tensor for each input of a network, without targets. */
export function isInputList(batch: unknown): batch is readonly Tensor[] {
  return Array.isArray(batch) && batch.length > 0 && batch.every((x) => x instanceof Tensor);
}

/** The targets as the loss takes them. */
export function targetsOf<Target>({ targets }: Batch<Target>): LossTarget<Target> {
  return (isTensorData(targets) ? tensor(targets.values, targets.shape) : targets) as LossTarget<Target>;
}

/** Class numbers, if that is what the targets are. */
export function labelsOf(targets: unknown): ArrayLike<number> | null {
  if (targets instanceof Int32Array || targets instanceof Uint8Array) return targets;
  return Array.isArray(targets) && targets.every((label) => Number.isInteger(label)) ? targets : null;
}

/** @throws ArgumentError if it is no function, or does not return one value */
function checkedLoss<Target>(where: string, loss: Loss<Target>): Loss<Target> {
  const refused = (expected: string, received: string): ArgumentError =>
    new ArgumentError({
      where: `${where.slice(0, -1)}, { loss })`,
      expected,
      received,
      cure: "Pass crossEntropy, or return a mean as it does.",
    });
  if (typeof loss !== "function") throw refused("a function of output and targets", shown(loss));
  return (output, targets) => {
    const value = loss(output, targets);
    if (value instanceof Tensor && value.size === 1) return value;
    throw refused("a tensor of one value from the loss", value instanceof Tensor ? value.title : shown(value));
  };
}

/** The given loss, or cross-entropy where the targets are labels. @throws ArgumentError if they are not */
export function lossFor<Target>(where: string, loss: Loss<Target> | undefined): Loss<Target> {
  if (loss !== undefined) return checkedLoss(where, loss);
  return (output, targets) => {
    const labels = labelsOf(targets);
    if (labels !== null) return crossEntropy(output, new Int32Array(labels));
    throw new ArgumentError({
      where,
      expected: "a loss for targets that are not labels",
      received: "none",
      cure: "Pass { loss: mse }, or another function of output and targets.",
    });
  };
}

/** Where the classes of outputs lie: `classes` values, `step` apart, for each of the labels in turn. */
export interface ClassLayout {
  readonly classes: number;
  /** 1 where classes come last; the number of places where they lie on axis 1. */
  readonly step: number;
}

/**
 * The layout of outputs with so many labels: (N, classes, …) as {@link crossEntropy} takes them, or rows of classes.
 */
export function classLayout(shape: Shape, labels: number): ClassLayout {
  const [samples = 1, classes = 1, ...places] = shape;
  const step = sizeOf(places);
  if (places.length > 0 && samples * step === labels) return { classes, step };
  return { classes: labels === 0 ? 0 : sizeOf(shape) / labels, step: 1 };
}

/** The class that outputs give to the label of a number; −1 if one is NaN. */
export function predictedClass(outputs: Float32Array, { classes, step }: ClassLayout, label: number): number {
  const inner = label % step;
  return firstLargest(outputs, (label - inner) * classes + inner, classes, step);
}
