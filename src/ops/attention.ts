import { record, willRecord } from "../autograd.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { checkOptions } from "../options.js";
import { scope } from "../scope.js";
import { broadcastShapes, formatShape, type Shape, sameShape, sizeOf } from "../shape.js";
import { checkTensor, commonBackend, empty, scalar, type Tensor, upload } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { applyBinary } from "./binary.js";
import { checkMaskValues } from "./mask-values.js";
import { multiplyBatches } from "./matmul.js";
import { move } from "./slice.js";
import { sumTo } from "./sum.js";

/** Options of {@link scaledDotProductAttention}. */
export interface AttentionOptions {
  /** Whether query i sees the keys 0 … i alone. @defaultValue false */
  readonly causal?: boolean;
  /** Ones where a query sees a key, zeros where it does not; broadcasts to (…, L, S). @defaultValue ones */
  readonly mask?: Tensor | null;
  /** Is added to the scores, such as a bias of relative positions; broadcasts to (…, L, S). @defaultValue 0 */
  readonly bias?: Tensor | null;
  /** What the scores are multiplied by. @defaultValue 1/√E */
  readonly scale?: number;
}

/** Scores of a block of rows, at most. */
const mostScores = 2 ** 21;
/** Rows of a block, at least. */
const leastRows = 32;
/**
 * Weights that are kept for the backward pass, at most; more are computed again in it, which takes two fifths longer.
 */
const mostKept = 2 ** 24;
/** From so many queries on, half of what causal attention would compute is worth leaving out. */
const causalRows = 256;

/**
 * softmax(scale·q·kᵀ + bias)·v (Vaswani et al. 2017, arXiv:1706.03762). Where there are many queries and keys, blocks
 * of rows of the scores are computed one after another, and beyond 64 MB again in the backward pass, so that memory
 * does not grow with L·S. A query that sees no key has output 0.
 *
 * @param q - queries (…, L, E); the axes before the last two broadcast
 * @param k - keys (…, S, E)
 * @param v - values (…, S, V)
 * @returns (…, L, V)
 * @throws ShapeError if shapes do not fit
 * @throws ArgumentError if the mask has other values than 0 and 1, or the scale is no number
 * @example
 * ```ts
 * const x = tensor([[1, 0], [0, 2]]);
 * scaledDotProductAttention(x, x, x, { causal: true }).dataSync(); // about [1, 0, 0.056, 1.888]
 * ```
 */
export const scaledDotProductAttention = defineComposite(
  "scaledDotProductAttention",
  (q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor => {
    const sizes = sizesOf(q, k, v);
    const plan = planOf(q, sizes, options);
    const { mask = null, bias = null } = options;
    const backend = commonBackend("scaledDotProductAttention(q, k, v)", q, k, v, mask, bias);
    const output = [...sizes.batch, sizes.queries, sizes.width];
    const inputs = bias === null ? [q, k, v] : [q, k, v, bias];
    const isKept = willRecord(...inputs) && sizeOf(output.slice(0, -1)) * sizes.keys <= mostKept;
    const isWhole = plan.blocks.length === 1;
    const results = plan.blocks.map((block) =>
      scope(() => {
        const weights = weightsOf(q, k, block, plan, mask, bias);
        const part = multiplyBatches(weights, false, rows(v, 0, block.keys), false, sizes.batch);
        return { part, weights: isKept ? weights : null };
      }),
    );
    const y = isWhole ? results[0].part : zerosOf(q, output);
    for (const [n, { part }] of isWhole ? [] : results.entries()) {
      move(part, y, part.shape, y.rank - 2, 0, plan.blocks[n].start);
    }
    const given = [...(mask === null ? [] : [mask]), ...(bias === null ? [] : [bias])];
    const saved = [q, k, v, ...given, ...results.flatMap(({ weights }) => weights ?? [])];
    return record(origin, y, inputs, saved, (dy, values, needs) => {
      const [query, key, value] = values;
      const seen = mask === null ? null : values[3];
      const added = bias === null ? null : values[3 + given.length - 1];
      const [dq, dk, dv, dbias] = [query, key, value, added].map((t, n) =>
        t !== null && needs[n] ? new Accumulator(t, n === 0 || n === 3) : null,
      );
      const kept = values.slice(3 + given.length);
      const send = (block: Block, n: number): void => {
        const weights = kept.at(n) ?? weightsOf(query, key, block, plan, seen, added);
        const slope = rows(dy, block.start, block.end);
        dv?.add(multiplyBatches(weights, true, slope, false, sizes.batch), block);
        const toWeights = multiplyBatches(slope, false, rows(value, 0, block.keys), true, sizes.batch);
        const scores = empty(origin, backend, weights.shape);
        const outer = sizeOf(scores.shape.slice(0, -1));
        backend.softmaxGradient(toWeights.block, weights.block, scores.block, outer, block.keys, 1);
        dbias?.add(scores, block);
        const scaled = applyBinary("mul", scores, plan.scale(scores));
        dq?.add(multiplyBatches(scaled, false, rows(key, 0, block.keys), false, sizes.batch), block);
        dk?.add(multiplyBatches(scaled, true, rows(query, block.start, block.end), false, sizes.batch), block);
      };
      for (const [n, block] of plan.blocks.entries()) scope(() => send(block, n));
      return [dq, dk, dv, dbias].slice(0, inputs.length).map((sum) => sum?.total ?? null);
    });
  },
);

const origin = "scaledDotProductAttention";

/** Sizes of an attention. */
interface Sizes {
  readonly batch: Shape;
  readonly queries: number;
  readonly keys: number;
  readonly width: number;
}

/** Queries from `start` up to `end`, and how many keys, the first ones, any of them sees. */
interface Block {
  readonly start: number;
  readonly end: number;
  readonly keys: number;
}

interface Plan {
  readonly sizes: Sizes;
  readonly causal: boolean;
  readonly blocks: readonly Block[];
  /** The scale as a scalar beside a tensor. */
  readonly scale: (t: Tensor) => Tensor;
}

function sizesOf(q: Tensor, k: Tensor, v: Tensor): Sizes {
  const where = `${origin}(q, k, v)`;
  for (const t of [q, k, v]) checkTensor(where, t);
  const ranksFit = [q, k, v].every(({ rank }) => rank >= 2);
  const [queries, embedding] = q.shape.slice(-2);
  const [keys, keySize] = k.shape.slice(-2);
  const [values, width] = v.shape.slice(-2);
  if (!ranksFit || embedding !== keySize || keys !== values) {
    throw new ShapeError({
      where,
      expected: "queries (…, L, E), keys (…, S, E) and values (…, S, V)",
      received: [q, k, v].map(({ shape }) => formatShape(shape)).join(", "),
      cure: "Give queries and keys the same last size, and keys and values as many rows.",
    });
  }
  const [a, b, c] = [q, k, v].map(({ shape }) => shape.slice(0, -2));
  const axes = `${where}, axes before the last two`;
  return { batch: broadcastShapes(axes, broadcastShapes(axes, a, b), c), queries, keys, width };
}

function planOf(q: Tensor, sizes: Sizes, options: AttentionOptions): Plan {
  const where = `${origin}(q, k, v, options)`;
  checkOptions(where, options, { causal: true, mask: true, bias: true, scale: true });
  const { causal = false, mask, bias, scale } = options;
  const factor = scale ?? 1 / Math.sqrt(q.shape[q.rank - 1]);
  if (typeof factor !== "number" || Number.isNaN(factor)) {
    throw new ArgumentError({
      where,
      expected: "scale to be a number",
      received: String(factor),
      cure: "Leave scale out for 1/√E, or pass a number.",
    });
  }
  const { batch, queries, keys } = sizes;
  const scores = [...batch, queries, keys];
  for (const [name, t] of Object.entries({ mask, bias })) {
    if (t === null || t === undefined) continue;
    checkTensor(where, t);
    const missing = scores.length - t.rank;
    if (missing >= 0 && t.shape.every((size, axis) => size === 1 || size === scores[missing + axis])) continue;
    throw new ShapeError({
      where,
      expected: `a ${name} that broadcasts to ${formatShape(scores)}`,
      received: formatShape(t.shape),
      cure: `Give the ${name} the sizes of queries and keys in its last two axes, or 1.`,
    });
  }
  if (mask) {
    const cure = "Mark each key by 1 or 0; numbers that are added to the scores are { bias }.";
    checkMaskValues(where, mask, "ones (keys that a query sees) and zeros", cure);
  }
  const perRow = Math.max(1, sizeOf(batch) * keys);
  const wanted = causal && queries >= causalRows ? Math.ceil(queries / 4) : queries;
  const most = Math.max(leastRows, Math.min(wanted, Math.floor(mostScores / perRow)));
  const blocks: Block[] = [];
  for (let start = 0; start === 0 || start < queries; start += most) {
    const end = Math.min(queries, start + most);
    blocks.push({ start, end, keys: causal ? Math.min(keys, end) : keys });
  }
  return { sizes, causal, blocks, scale: (t) => scalar(origin, t.backend, factor) };
}

/** The weights of the values for a block of queries: (…, rows, keys). */
function weightsOf(q: Tensor, k: Tensor, block: Block, plan: Plan, mask: Tensor | null, bias: Tensor | null): Tensor {
  const { backend } = q;
  const { batch } = plan.sizes;
  const seen = mask === null ? null : part(mask, block);
  const scaled = applyBinary("mul", rows(q, block.start, block.end), plan.scale(q));
  let scores = multiplyBatches(scaled, false, rows(k, 0, block.keys), true, batch);
  scaled.dispose();
  const raise = (by: Tensor): void => {
    const sum = applyBinary("add", scores, by, scores.shape);
    scores.dispose();
    scores = sum;
  };
  if (bias !== null) raise(part(bias, block));
  if (seen !== null) {
    // ln 1 = 0 and ln 0 = −∞.
    const hidden = empty(origin, backend, seen.shape);
    backend.unary("log", seen.block, hidden.block, seen.size, 0);
    raise(hidden);
  }
  if (plan.causal) raise(causalBias(backend, block));
  const weights = empty(origin, backend, scores.shape);
  backend.softmax(scores.block, weights.block, sizeOf(scores.shape.slice(0, -1)), block.keys, 1);
  scores.dispose();
  // Queries that see no key have NaN so far.
  return seen === null ? weights : applyBinary("pass", weights, seen, weights.shape);
}

/** −∞ where a key lies behind a query. */
function causalBias(backend: Tensor["backend"], { start, end, keys }: Block): Tensor {
  const values = new Float32Array((end - start) * keys);
  for (let i = start; i < end; i++)
    values.fill(Number.NEGATIVE_INFINITY, (i - start) * keys + i + 1, (i - start + 1) * keys);
  return upload(origin, backend, [end - start, keys], values);
}

/** The gradient of an operand, of what one block after another gives. */
class Accumulator {
  readonly total: Tensor;
  /** Whether its rows are those of the queries, of which each block has others. */
  readonly #isOfQueries: boolean;

  constructor(t: Tensor, isOfQueries: boolean) {
    this.total = zerosOf(t, t.shape);
    this.#isOfQueries = isOfQueries && t.rank >= 2 && t.shape[t.rank - 2] > 1;
  }

  /** @param given - the gradient of the block's rows and keys, for every place that the operand was broadcast to */
  add(given: Tensor, { start }: Block): void {
    const { total } = this;
    const missing = given.rank - total.rank;
    const shape = total.shape.map((size, k) => (size === 1 ? 1 : given.shape[missing + k]));
    const sum = sumTo(given, shape);
    const axis = Math.max(total.rank - 2, 0);
    if (this.#isOfQueries) {
      move(sum, total, shape, axis, 0, start);
      return;
    }
    const view = { extents: [total.size], aStrides: [1], bStrides: [1] };
    if (sameShape(shape, total.shape)) {
      total.backend.binary("add", total.block, sum.block, total.block, view);
      return;
    }
    const whole = zerosOf(total, total.shape);
    move(sum, whole, shape, axis, 0, 0);
    total.backend.binary("add", total.block, whole.block, total.block, view);
    whole.dispose();
  }
}

/** Rows of the matrices in the last two axes; t itself if these are all. */
function rows(t: Tensor, start: number, end: number): Tensor {
  return cut(t, t.rank - 2, start, end);
}

/** What a mask or bias says of a block, where it does not repeat. */
function part(t: Tensor, { start, end, keys }: Block): Tensor {
  const byRows = t.rank < 2 || t.shape[t.rank - 2] === 1 ? t : cut(t, t.rank - 2, start, end);
  return t.rank < 1 || t.shape[t.rank - 1] === 1 ? byRows : cut(byRows, t.rank - 1, 0, keys);
}

function cut(t: Tensor, axis: number, start: number, end: number): Tensor {
  if (start === 0 && end === t.shape[axis]) return t;
  const y = empty(
    origin,
    t.backend,
    t.shape.map((size, k) => (k === axis ? end - start : size)),
  );
  move(t, y, y.shape, axis, start, 0);
  return y;
}

function zerosOf({ backend }: Tensor, shape: Shape): Tensor {
  const t = empty(origin, backend, shape);
  backend.fill(t.block, t.size, 0);
  return t;
}
