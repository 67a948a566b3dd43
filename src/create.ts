import { backend as currentBackend } from "./backend/index.js";
import { ArgumentError, ShapeError } from "./errors.js";
import { checkOptions, type OptionNames } from "./options.js";
import { checkShape, formatShape, maxRank, type Shape, sizeOf } from "./shape.js";
import { empty, type Tensor, upload } from "./tensor.js";
import { defineOp } from "./tracing.js";

/** Options of {@link tensor}. */
export interface TensorOptions {
  /** Whether `backward()` collects a gradient for it in `.grad`. @defaultValue false */
  readonly requiresGrad?: boolean;
}

const tensorNames: OptionNames<TensorOptions> = { requiresGrad: true };

/** Who is asked before memory is taken for so many initial values; see {@link withClaims}. */
let claims: ((values: number) => void) | null = null;

/**
 * Says how many initial values are about to be made.
 *
 * @throws what the caller of {@link withClaims} throws to refuse them
 */
export function claimValues(values: number): void {
  claims?.(values);
}

/**
 * Runs `build`, and asks `ask` of every number of initial values before they are made: a file's claims are checked
 * before they cost memory.
 */
export function withClaims<T>(ask: (values: number) => void, build: () => T): T {
  const outer = claims;
  claims = ask;
  try {
    return build();
  } finally {
    claims = outer;
  }
}

/** Numbers, nested to any depth that {@link tensor} takes. */
export type NestedNumbers = number | readonly NestedNumbers[];

/** Array types whose values {@link tensor} copies, converting them to float32. */
export type NumberArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array;

function isTypedArray(data: unknown): data is NumberArray {
  return ArrayBuffer.isView(data) && !(data instanceof DataView);
}

/** Far more values than fit into any memory of a backend; what shares rows claims as many without holding them. */
const mostValues = 2 ** 28;

/**
 * Nested arrays one after another, and their shape.
 *
 * @throws ShapeError if they are ragged, too deep or hold anything but numbers
 */
function flattenNested(data: NestedNumbers): { readonly shape: number[]; readonly values: Float32Array } {
  const shape = nestedShape(data);
  const size = sizeOf(shape);
  if (size > mostValues) {
    throw new ShapeError({
      where: "tensor(data)",
      expected: `at most ${mostValues} values`,
      received: formatShape(shape),
      cure: "Make several tensors.",
    });
  }
  const values = new Float32Array(size);
  let length = 0;
  const visit = (part: unknown, axis: number): void => {
    const isLeaf = axis === shape.length;
    const fits = isLeaf ? typeof part === "number" : Array.isArray(part) && part.length === shape[axis];
    if (!fits) {
      throw new ShapeError({
        where: "tensor(data)",
        expected: isLeaf ? "a number at each place" : `nested arrays of equal length ${shape[axis]} along axis ${axis}`,
        received: Array.isArray(part) ? `an array of length ${part.length}` : `${part === null ? "null" : typeof part}`,
        cure: "Make all rows equally long and fill them with numbers.",
      });
    }
    if (Array.isArray(part)) for (const member of part) visit(member, axis + 1);
    else values[length++] = part as number;
  };
  visit(data, 0);
  return { shape, values };
}

/**
 * The lengths of the first arrays at each depth.
 *
 * @throws ShapeError if they are deeper than a tensor, as an array within itself is
 */
function nestedShape(data: NestedNumbers): number[] {
  const shape: number[] = [];
  for (let level: NestedNumbers = data; Array.isArray(level); level = level[0]) {
    if (shape.length === maxRank) {
      throw new ShapeError({
        where: "tensor(data)",
        expected: `arrays nested at most ${maxRank} deep`,
        received: "deeper ones, or an array that contains itself",
        cure: "Make the data flat, and pass their shape.",
      });
    }
    shape.push(level.length);
    if (level.length === 0) break;
  }
  return shape;
}

/**
 * Makes a tensor from a number (rank 0), nested arrays of numbers, or a typed array with its shape. The data are
 * copied.
 *
 * @param data - a typed array without shape becomes rank 1
 * @param shape - whole numbers ≥ 0 whose product is the number of values; default: as nested
 * @throws ShapeError if rows differ in length, or the shape does not match the number of values
 * @throws ArgumentError if the data are big integers
 * @example
 * ```ts
 * const scalar = tensor(3); // shape []
 * const matrix = tensor([[1, 2, 3], [4, 5, 6]]); // shape [2, 3]
 * const image = tensor(new Float32Array(784), [1, 1, 28, 28]);
 * const weight = tensor([0.1, 0.2], { requiresGrad: true });
 * ```
 */
export function tensor(
  data: NestedNumbers | NumberArray,
  shape?: Shape | TensorOptions,
  options?: TensorOptions,
): Tensor {
  const givenShape = Array.isArray(shape) ? (shape as Shape) : undefined;
  const settings = options ?? (Array.isArray(shape) ? {} : ((shape as TensorOptions | undefined) ?? {}));
  checkOptions("tensor(data, shape)", settings, tensorNames);
  const { requiresGrad = false } = settings;
  const given = numbersOf(data, givenShape);
  const result = upload("tensor", currentBackend(), given.shape, given.values);
  if (requiresGrad) result.requiresGrad = true;
  return result;
}

/** The numbers that {@link tensor} makes a tensor of, with its checks; a Float32Array is not copied. */
export function numbersOf(
  data: NestedNumbers | NumberArray,
  givenShape?: Shape,
): { readonly shape: number[]; readonly values: Float32Array } {
  let values: Float32Array;
  let ownShape: number[];
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    throw new ArgumentError({
      where: "tensor(data)",
      expected: "numbers",
      received: "big integers",
      cure: "Convert them with Float32Array.from(data, Number).",
    });
  }
  if (isTypedArray(data)) {
    values = data instanceof Float32Array ? data : Float32Array.from(data);
    ownShape = [data.length];
  } else {
    ({ shape: ownShape, values } = flattenNested(data));
  }
  const finalShape = [...(givenShape ?? ownShape)];
  checkShape("tensor(data, shape)", finalShape);
  if (sizeOf(finalShape) !== values.length) {
    throw new ShapeError({
      where: "tensor(data, shape)",
      expected: `${sizeOf(finalShape)} values for shape ${formatShape(finalShape)}`,
      received: String(values.length),
      cure: "Correct the shape or the data.",
    });
  }
  return { shape: finalShape, values };
}

/** A tensor of zeros. @param shape - whole numbers ≥ 0 */
export const zeros = defineOp("zeros", (shape: Shape, options: TensorOptions = {}): Tensor => {
  return filled("zeros(shape)", shape, 0, options);
});

/** A tensor of ones. @param shape - whole numbers ≥ 0 */
export const ones = defineOp("ones", (shape: Shape, options: TensorOptions = {}): Tensor => {
  return filled("ones(shape)", shape, 1, options);
});

/** A tensor of equal values. @param shape - whole numbers ≥ 0 */
export const full = defineOp("full", (shape: Shape, value: number, options: TensorOptions = {}): Tensor => {
  return filled("full(shape)", shape, value, options);
});

function filled(where: string, shape: Shape, value: number, options: TensorOptions): Tensor {
  checkShape(where, shape);
  checkOptions(where, options, tensorNames);
  claimValues(sizeOf(shape));
  const result = empty("full", currentBackend(), [...shape]);
  result.backend.fill(result.block, result.size, value);
  if (options.requiresGrad) result.requiresGrad = true;
  return result;
}
