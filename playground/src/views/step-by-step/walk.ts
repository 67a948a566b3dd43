import { BatchNorm, onWarning, scope, type Tensor, tensor } from "evenkeel";

/** What one mini-batch of one channel goes through: everything that can be edited. */
export interface WalkInputs {
  /** The mini-batch. */
  readonly x: readonly number[];
  /** The gradient of the loss with respect to each output; as long as x. */
  readonly dy: readonly number[];
  /** γ */
  readonly weight: number;
  /** β */
  readonly bias: number;
  /** ε, added to the variance under the root; ≥ 0. */
  readonly eps: number;
  /** Weight of the old running value, in [0, 1). */
  readonly momentum: number;
  /** The running mean before this batch. */
  readonly runningMean: number;
  /** The running variance before this batch. */
  readonly runningVar: number;
}

/** Every value of the formula, forwards and backwards. */
export interface Walk {
  readonly mean: number;
  /** Biased: divided by the number of samples. */
  readonly variance: number;
  /** √(variance + eps) */
  readonly root: number;
  /** x − mean */
  readonly centred: readonly number[];
  readonly xHat: readonly number[];
  readonly y: readonly number[];
  /** After this batch. */
  readonly runningMean: number;
  /** After this batch. */
  readonly runningVar: number;
  readonly dWeight: number;
  readonly dBias: number;
  /** g = weight · dy, the gradient with respect to x̂. */
  readonly dxHat: readonly number[];
  /** mean(g) */
  readonly meanDxHat: number;
  /** mean(g · x̂) */
  readonly meanDxHatXHat: number;
  readonly dx: readonly number[];
  /** What the library warned of on the way, each once. */
  readonly warnings: readonly string[];
}

/**
 * Takes a mini-batch through {@link BatchNorm} in training mode and back, and reads every value on the way. The layer
 * itself gives y, the running statistics and the gradients; a second one without weight and bias gives x̂, and mean and
 * variance as the running values after its first batch.
 *
 * @throws ShapeError if there is one number only
 * @throws ArgumentError if momentum or eps is out of range, or eps is 0 and all numbers are equal
 */
export function walk(inputs: WalkInputs): Walk {
  const warnings = new Set<string>();
  const before = onWarning((message) => warnings.add(message));
  try {
    return { ...scope(() => walkThrough(inputs)), warnings: [...warnings] };
  } finally {
    onWarning(before);
  }
}

function walkThrough({ x, dy, weight, bias, eps, momentum, ...running }: WalkInputs): Omit<Walk, "warnings"> {
  const column = [x.length, 1];
  const batch = tensor([...x], column, { requiresGrad: true });
  const cotangent = tensor([...dy], column);

  const layer = new BatchNorm(1, { eps, momentum, warmUp: false });
  layer.loadStateDict({
    weight: tensor([weight]),
    bias: tensor([bias]),
    running_mean: tensor([running.runningMean]),
    running_var: tensor([running.runningVar]),
  });
  const y = layer.forward(batch);
  y.backward(cotangent);

  const plain = new BatchNorm(1, { eps, affine: false, momentum: "cumulative" });
  const xHat = plain.forward(batch.detach());
  const dxHat = cotangent.mul(weight);

  return {
    mean: valueIn(plain.runningMean),
    variance: valueIn(plain.runningVar),
    root: plain.runningVar!.add(eps).sqrt().dataSync()[0],
    centred: valuesIn(batch.sub(plain.runningMean!)),
    xHat: valuesIn(xHat),
    y: valuesIn(y),
    runningMean: valueIn(layer.runningMean),
    runningVar: valueIn(layer.runningVar),
    dWeight: valueIn(layer.weight?.grad),
    dBias: valueIn(layer.bias?.grad),
    dxHat: valuesIn(dxHat),
    meanDxHat: dxHat.mean().item(),
    meanDxHatXHat: dxHat.mul(xHat).mean().item(),
    dx: valuesIn(batch.grad),
  };
}

function valuesIn(t: Tensor | null | undefined): readonly number[] {
  if (t === null || t === undefined) throw new Error("internal: the layer left a value out");
  return Array.from(t.dataSync());
}

function valueIn(t: Tensor | null | undefined): number {
  return valuesIn(t)[0];
}
