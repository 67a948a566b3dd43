import { noGrad, record } from "../autograd.js";
import { ArgumentError } from "../errors.js";
import { type Tensor, view } from "../tensor.js";
import { defineOp } from "../tracing.js";

/** An op with its own gradient. */
export interface CustomOp {
  /** What messages call it. @defaultValue "customOp" */
  readonly name?: string;
  /** Computes the output; no graph is recorded inside. */
  readonly forward: (...inputs: Tensor[]) => Tensor;
  /** From dy, one gradient of each input's shape, or null for inputs without gradient. */
  readonly backward: (dy: Tensor, inputs: readonly Tensor[], output: Tensor) => readonly (Tensor | null)[];
  /**
   * What the op is in ONNX: `(inputs: readonly OnnxValue[], graph: OnnxWriter) => graph.node("Round", inputs)`, which
   * returns its output.
   *
   * @defaultValue none: `exportOnnx` refuses it
   */
  readonly toOnnx?: Translation;
  /**
   * What the op is in TF.js:
   * `(inputs: readonly TfjsValue[], graph: TfjsWriter) => graph.layer("Activation", inputs, { activation: "mish" })`.
   * @defaultValue none: `exportTfjs` refuses it
   */
  readonly toTfjs?: Translation;
}

/**
 * Writes an op into a file of another system: its types stand with the functions that export, in `evenkeel/onnx` and
 * `evenkeel/tfjs`.
 */
export type Translation = (...given: never[]) => unknown;

/**
 * Makes a function of tensors from its forward pass and its gradient.
 *
 * @returns the function; what it returns is part of the graph
 * @example
 * ```ts
 * // Rounds forward, passes the gradient straight through (Bengio et al. 2013, arXiv:1308.3432).
 * const straightThroughSign = customOp({
 *   forward: (x) => x.div(x.mul(x).sqrt()),
 *   backward: (dy) => [dy],
 * });
 * const x = tensor([-2, 3], { requiresGrad: true });
 * straightThroughSign(x).sum().backward();
 * x.grad?.dataSync(); // Float32Array [1, 1]
 * ```
 */
export function customOp({
  name = "customOp",
  forward,
  backward,
  ...translations
}: CustomOp): (...inputs: Tensor[]) => Tensor {
  const run = (...inputs: Tensor[]): Tensor => {
    const computed = noGrad(() => forward(...inputs));
    // A view, since forward may return one of its inputs.
    const output = view(name, computed, computed.shape);
    return record(name, output, inputs, [...inputs, computed], (dy, saved) => {
      const gradients = backward(dy, saved.slice(0, inputs.length), saved[inputs.length]);
      if (Array.isArray(gradients) && gradients.length === saved.length - 1) return gradients;
      throw new ArgumentError({
        where: `${name}.backward(dy)`,
        expected: `an array of ${saved.length - 1} gradients, or nulls`,
        received: Array.isArray(gradients) ? `one of ${gradients.length}` : typeof gradients,
        cure: "Return one gradient for each input.",
      });
    });
  };
  // A graph that was traced holds the function inside, one that was loaded the one that is returned.
  const op = defineOp(`custom.${name}`, Object.assign(run, translations));
  return Object.assign(op, translations);
}
