import { noGrad } from "../../autograd.js";
import { tensor, zeros } from "../../create.js";
import type { AnyModule } from "../../nn/module.js";
import { Norm } from "../../nn/norms/norm.js";
import { RunningNorm } from "../../nn/norms/running-norm.js";
import { Generator } from "../../random.js";
import { scope } from "../../scope.js";
import { sizeOf } from "../../shape.js";
import { Tensor } from "../../tensor.js";
import { type Tracer, withTracer } from "../../tracing.js";

/** Sizes of a value that is written for another system: of the batch, a number or a name, and of a sample. */
export type BatchShape = readonly (number | string)[];

/** As many samples as batch statistics need to be no cause for a warning. */
const batchSamples = 8;

/**
 * The shape of what a layer gives: it is applied to a sample, so that the layer itself says what does not fit.
 * Listeners are not called.
 *
 * @param shape - of its input, the batch first
 * @throws EvenkeelError what the layer says
 */
export function shapeAfter(layer: AnyModule, shape: BatchShape): BatchShape {
  const name = shape.slice(1).find((size) => typeof size === "string");
  if (name === undefined) return shapeOfSizes(layer, shape);
  // The batch lies further back, as where steps come first: it is where the output grows with it.
  const [a, b] = [2, 3].map((count) =>
    shapeOfSizes(layer, [shape[0], ...shape.slice(1).map((size) => (typeof size === "number" ? size : count))]),
  );
  return a.map((size, axis) => (size === b[axis] ? size : name));
}

function shapeOfSizes(layer: AnyModule, [batch, ...sizes]: BatchShape): BatchShape {
  const usesBatch = layer instanceof RunningNorm && layer.runningMean === null;
  const sample = [usesBatch ? batchSamples : 1, ...sizes.map(Number)];
  // A norm that is being trained within a model that is not would take the sample into its statistics.
  const restore = layer.saveMode();
  layer.eval();
  try {
    return scope(() =>
      noGrad(() => {
        const x = inputOf(layer, sample);
        const y: unknown = unheard(() => Reflect.apply(layer.forward, layer, [x]));
        if (!(y instanceof Tensor)) throw new Error(`internal: ${layer} gives no tensor`);
        return [batch, ...y.shape.slice(1)];
      }),
    );
  } finally {
    restore();
  }
}

/** Runs `fn` such that listeners are not called. */
export function unheard<T>(fn: () => T): T {
  return withTracer(silent, fn);
}

/** Records nothing: under a tracer, listeners are not called. */
const silent: Tracer = {
  op: (_, run, given) => Reflect.apply(run, undefined, given),
  module: (_, __, run) => run(),
  within: (_, run) => run(),
  withoutGradient: (run) => run(),
  read: () => {},
  refuse: () => {},
};

/** Noise for norms, which may refuse what has no variance; zeros are rows of every embedding. */
function inputOf(layer: AnyModule, shape: readonly number[]): Tensor {
  if (!(layer instanceof Norm)) return zeros(shape);
  const random = new Generator(1);
  return tensor(
    Float32Array.from({ length: sizeOf(shape) }, () => random.normal()),
    shape,
  );
}
