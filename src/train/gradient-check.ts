import { noGrad } from "../autograd.js";
import { checkRange } from "../check-range.js";
import { tensor } from "../create.js";
import { ArgumentError } from "../errors.js";
import { checkOptions } from "../options.js";
import { Generator } from "../random.js";
import { scope } from "../scope.js";
import { checkCount } from "../shape.js";
import { checkTensor, Tensor } from "../tensor.js";

/** Options of {@link gradientCheck}. */
export interface GradientCheckOptions {
  /** The larger of the two steps of the difference, > 0, in units of the inputs. @defaultValue 0.02 */
  readonly step?: number;
  /** The relative error up to which a gradient is right. @defaultValue 5e-3 */
  readonly tolerance?: number;
  /** Random directions for each input. @defaultValue 3 */
  readonly directions?: number;
  /** Equal seeds, equal directions. @defaultValue 0 */
  readonly seed?: number;
}

/** The slope along a random direction of one input, by `backward()` and by differences. */
export interface CheckedSlope {
  /** Which input, from 0. */
  readonly input: number;
  /** By `backward()`. */
  readonly exact: number;
  /** By differences. */
  readonly numeric: number;
  /** Their difference, divided by the larger of the slope and the norm of the input's gradient. */
  readonly error: number;
}

/** What {@link gradientCheck} returns. */
export interface GradientCheck {
  /** Whether every error is within the tolerance. */
  readonly passed: boolean;
  /** The largest error. */
  readonly worst: number;
  /** All that was compared. */
  readonly slopes: readonly CheckedSlope[];
}

const where = "gradientCheck(f, inputs)";

/**
 * Compares the gradients of a function, such as a {@link customOp} or a layer, with finite differences. ⟨c, f(x)⟩ with
 * a random cotangent c is moved along random directions, at ±h and ±h/2; Richardson's extrapolation leaves an error of
 * h⁴. Keep away from kinks: inputs near those of a ReLU, or where a maximum changes, differ by more. Inside f,
 * parameters that are no inputs stay as they are.
 *
 * @param f - of the inputs; the same each time, so without dropout
 * @param inputs - tensors; they are copied
 * @throws ArgumentError if there are no inputs, an option is out of range, or f is not the same each time
 * @example
 * ```ts
 * const { passed } = await gradientCheck((x) => x.mul(x).exp(), [tensor([0.3, -0.5])]);
 * passed; // true
 * ```
 */
export async function gradientCheck(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradientCheckOptions = {},
): Promise<GradientCheck> {
  checkOptions("gradientCheck(f, inputs)", options, { step: true, tolerance: true, directions: true, seed: true });
  const { step = 0.02, tolerance = 5e-3, directions = 3, seed = 0 } = options;
  checkInputs(inputs);
  checkRange(where, "step", step, Number.MIN_VALUE, Number.POSITIVE_INFINITY);
  checkRange(where, "tolerance", tolerance);
  checkCount(where, "directions", directions);
  const generator = new Generator(seed);
  const normals = (length: number): Float32Array => Float32Array.from({ length }, () => generator.normal());
  const values = await Promise.all(inputs.map((x) => x.data()));
  const { gradients, cotangent, output } = await backwardOf(f, inputs, values, normals);
  const valueAt = async (moved: number, direction: Float32Array, h: number): Promise<number> => {
    const y = scope(() =>
      noGrad(() =>
        f(
          ...inputs.map(({ shape }, k) =>
            tensor(k === moved ? values[k].map((v, i) => v + h * direction[i]) : values[k], shape),
          ),
        ),
      ),
    );
    // The difference from the output, so that a large one costs no digits.
    const sum = (await y.data()).reduce((total, v, i) => total + (v - output[i]) * cotangent[i], 0);
    y.dispose();
    return sum;
  };
  if ((await valueAt(0, values[0], 0)) !== 0) {
    const cure = "Put modules into evaluation mode, or leave out what draws random numbers.";
    throw new ArgumentError({
      where,
      expected: "a function with the same result each time",
      received: "another",
      cure,
    });
  }
  const slopes: CheckedSlope[] = [];
  for (const [input, gradient] of gradients.entries()) {
    for (let trial = 0; trial < directions; trial++) {
      const direction = normals(gradient.length);
      const slope = async (h: number): Promise<number> =>
        ((await valueAt(input, direction, h)) - (await valueAt(input, direction, -h))) / (2 * h);
      const numeric = (4 * (await slope(step / 2)) - (await slope(step))) / 3;
      const exact = gradient.reduce((total, g, i) => total + g * direction[i], 0);
      const norm = Math.sqrt(gradient.reduce((total, g) => total + g * g, 0));
      const scale = Math.max(1e-3, Math.abs(exact), Math.abs(numeric), norm);
      slopes.push({ input, exact, numeric, error: Math.abs(numeric - exact) / scale });
    }
  }
  // NaN is the worst of all.
  const worst = slopes.reduce((most, { error }) => (error <= most ? most : Number.isNaN(error) ? Infinity : error), 0);
  return { passed: worst <= tolerance, worst, slopes };
}

async function backwardOf(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  values: readonly Float32Array[],
  normals: (length: number) => Float32Array,
): Promise<{ gradients: Float32Array[]; cotangent: Float32Array; output: Float32Array }> {
  const leaves = inputs.map(({ shape }, k) => tensor(values[k], shape, { requiresGrad: true }));
  const { y, cotangent } = scope(() => {
    const result = f(...leaves);
    const random = normals(result.size);
    result.backward(random);
    return { y: result.detach(), cotangent: random };
  });
  const output = await y.data();
  const gradients = await Promise.all(leaves.map(({ grad, size }) => grad?.data() ?? new Float32Array(size)));
  for (const t of [y, ...leaves]) t.dispose();
  return { gradients, cotangent, output };
}

function checkInputs(inputs: readonly Tensor[]): void {
  if (!Array.isArray(inputs) || inputs.length === 0) {
    throw new ArgumentError({
      where,
      expected: "a list of at least one tensor",
      received: inputs instanceof Tensor ? "a tensor" : Array.isArray(inputs) ? "an empty list" : typeof inputs,
      cure: "Pass the arguments of f as an array.",
    });
  }
  for (const x of inputs) checkTensor(where, x);
}
