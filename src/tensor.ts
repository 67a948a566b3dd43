/// <reference lib="esnext.disposable" preserve="true" />
import type { GraphNode } from "./autograd.js";
import type { Backend } from "./backend/backend.js";
import { backend as currentBackend } from "./backend/index.js";
import { leaveWeight, takeWeight, turnIfDue } from "./collector.js";
import { ArgumentError, BackendError, GraphError, ShapeError, TensorFreedError } from "./errors.js";
import { Hold } from "./hold.js";
import { checkOptions } from "./options.js";
import { printValues } from "./print-tensor.js";
import { type Owned, own, whenEscaping } from "./scope.js";
import { formatShape, type Shape, sameShape, sizeOf } from "./shape.js";
import { shown } from "./shown.js";
import { Storage } from "./storage.js";
import { defineOp, tracer } from "./tracing.js";

const collected = new FinalizationRegistry<Hold>((hold) => hold.release());

/** Options of {@link Tensor.backward}. */
export interface BackwardOptions {
  /** Keep the graph, so that `backward()` can run over it again. @defaultValue false */
  readonly retainGraph?: boolean;
  /**
   * Told of each leaf as soon as its gradient of this pass is complete, while the pass goes on towards the others: what
   * lets ranks exchange gradients meanwhile. Leaves that no gradient reaches are not told.
   *
   * @defaultValue none
   */
  readonly onGradient?: (leaf: Tensor) => void;
}

/**
 * An array of float32 values of rank 0 to 5: a handle on memory of a backend, row-major, together with the graph that
 * made it.
 *
 * Its memory is freed by the {@link scope} it was made in, by {@link Tensor.dispose}, by `using`, or, outside of any
 * scope, by the garbage collector when the event loop turns.
 *
 * @example
 * ```ts
 * const x = tensor([[1, 2], [3, 4]], { requiresGrad: true });
 * x.mul(x).sum().backward();
 * x.grad?.dataSync(); // Float32Array [2, 4, 6, 8]
 * ```
 */
export class Tensor implements Owned {
  /** Sizes along the axes, outermost first. */
  readonly shape: Shape;
  /** @internal The scope that frees it. */
  owner: Owned["owner"] = null;
  readonly #hold: Hold;
  readonly #origin: string;
  readonly #backend: Backend;
  #grad: Tensor | null = null;
  #leafRequiresGrad = false;
  #isParameter = false;
  /** Tells the collector the weight of what this small object holds; it is never read or written. */
  #weight: ArrayBuffer | null = null;

  /** @internal Tensors are made by {@link tensor} and by ops. `origin` names the op in messages. */
  constructor(storage: Storage, shape: Shape, origin: string, tracked: boolean) {
    this.shape = shape;
    this.#hold = new Hold(storage);
    this.#origin = origin;
    this.#backend = storage.backend;
    if (tracked && !own(this)) this.#escape();
  }

  /** Leaves it to the garbage collector. */
  #watch(): void {
    const { storage } = this.#hold;
    if (storage === null || this.#weight !== null) return;
    collected.register(this, this.#hold);
    this.#weight = takeWeight(storage.bytes);
  }

  /** Leaves it to the garbage collector, for want of a scope. */
  #escape(): void {
    this.#watch();
    this.#hold.loose = true;
  }

  static {
    whenEscaping((object) => {
      if (object instanceof Tensor) object.#escape();
    });
  }

  /** The number of values. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** The number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /**
   * Whether gradients flow to this tensor: set on a leaf, inherited by what ops make of it. Setting it on the output of
   * an op is an error; use {@link Tensor.detach}.
   */
  get requiresGrad(): boolean {
    return this.#leafRequiresGrad || this.#hold.node !== null;
  }

  /** Sets it on a leaf. @throws GraphError on the output of an op */
  set requiresGrad(value: boolean) {
    if (this.#hold.node !== null) {
      throw new GraphError({
        where: `${this.title}.requiresGrad`,
        expected: "a leaf",
        received: `the output of ${this.#origin}`,
        cure: "Call detach() first.",
      });
    }
    this.#leafRequiresGrad = value;
    if (!value) return;
    this.#isParameter = true;
    this.persist();
  }

  /**
   * The gradient that `backward()` has collected so far, for leaves that require one; null if there is none.
   *
   * Assigning null frees the gradient at once, as an optimiser's `zeroGrad()` does: the old tensor is then a
   * `TensorFreedError`, and what `detach()` made of it before keeps the values. Assigning a tensor frees the old
   * gradient likewise and takes a share of the new one's memory: it lives on when its scope ends, and the tensor that
   * was assigned stays its owner's.
   *
   * @throws ShapeError if an assigned gradient has another shape
   * @throws ArgumentError if it is no tensor, or lives on another backend
   * @throws TensorFreedError if it has been freed
   */
  get grad(): Tensor | null {
    return this.#grad;
  }

  /** Frees the old one. */
  set grad(value: Tensor | null) {
    if (value === this.#grad) return;
    const share = value === null ? null : this.#gradientFrom(value);
    this.#grad?.dispose();
    this.#grad = share;
  }

  /** @internal Takes another gradient over, and hands the old one to the caller. */
  exchangeGrad(instead: Tensor | null): Tensor | null {
    const old = this.#grad;
    this.#grad = instead;
    return old;
  }

  #gradientFrom(given: Tensor): Tensor {
    const where = `${this.title}.grad`;
    checkTensor(where, given);
    commonBackend(where, this, given);
    if (sameShape(given.shape, this.shape)) return given.alias().persist();
    throw new ShapeError({
      where,
      expected: `a gradient of shape ${formatShape(this.shape)}`,
      received: formatShape(given.shape),
      cure: "Assign one of the tensor's own shape, or null to forget it.",
    });
  }

  /**
   * Whether it is a leaf that requires a gradient, or has at some time: what makes a tensor of a module a parameter.
   */
  get isParameter(): boolean {
    return this.#isParameter;
  }

  /** @internal Takes it out of every scope for good: parameters, buffers, gradients, optimiser state. */
  persist(): this {
    this.owner = null;
    this.#watch();
    this.#hold.loose = false;
    return this;
  }

  /** @internal The backend it lives on. */
  get backend(): Backend {
    return this.#backend;
  }

  /** @internal Its memory. @throws TensorFreedError if it has been freed */
  get storage(): Storage {
    const { storage } = this.#hold;
    if (storage !== null) return storage;
    throw new TensorFreedError({
      where: `${this.title}, made by ${this.#origin}`,
      expected: "a tensor in use",
      received: "one whose memory has been freed",
      cure: "Return it from its scope(), pass it to keep(), or use it before dispose().",
    });
  }

  /** @internal The block that kernels work on. @throws TensorFreedError if it has been freed */
  get block(): unknown {
    return this.storage.block;
  }

  /** @internal The op that made it, for the graph; null for leaves. */
  get node(): GraphNode | null {
    return this.#hold.node;
  }

  /** @internal */
  set node(node: GraphNode | null) {
    this.#hold.node = node;
  }

  /** @internal Another tensor on the same memory, without graph, that no scope frees. */
  alias(): Tensor {
    return new Tensor(this.storage.retain(), this.shape, this.#origin, false);
  }

  /** The values, copied out, in row-major order. @throws TensorFreedError if it has been freed */
  async data(): Promise<Float32Array> {
    tracer?.read(this, "data()");
    const values = await this.storage.read(this.size * 4);
    await turnIfDue();
    return new Float32Array(values);
  }

  /** As {@link Tensor.data}, at once. @throws BackendError on a backend that cannot answer at once */
  dataSync(): Float32Array {
    tracer?.read(this, "dataSync()");
    const { backend } = this;
    if (!backend.answersAtOnce) {
      const cure = 'Await data() instead; for work on a whole model, take its copy: await copyTo(model, "wasm").';
      throw lateError(`${this.title}.dataSync()`, backend, cure);
    }
    return new Float32Array(this.backend.readSync(this.block, this.size * 4));
  }

  /** @internal The values where the backend answers at once, else null. A trace does not notice: only look at them. */
  peek(): Float32Array | null {
    return this.backend.answersAtOnce ? new Float32Array(this.backend.readSync(this.block, this.size * 4)) : null;
  }

  /** The value of a tensor of one element. @throws ShapeError if it has more or fewer */
  item(): number {
    if (this.size === 1) return this.dataSync()[0];
    throw new ShapeError({
      where: `${this.title}.item()`,
      expected: "one value",
      received: String(this.size),
      cure: "Reduce it first, or read data().",
    });
  }

  /** The same values without the graph: gradients stop here. The memory is shared, not copied. */
  detach(): Tensor {
    return detach(this);
  }

  /**
   * Sends gradients back through the graph that made this tensor and adds them to `.grad` of every leaf that requires
   * one. Releases the graph, unless `retainGraph`.
   *
   * @param cotangent - the gradient of what is differentiated with respect to this tensor, of its shape; 1 by default
   * for a tensor of one value
   * @throws GraphError if there is no graph, or it has been released
   * @throws ArgumentError if the cotangent is neither a tensor nor a Float32Array
   * @throws ShapeError if the cotangent has another shape, or is missing for a tensor of several values
   * @throws OutOfMemoryError naming the layer and a batch that fits; some leaves then have gradients, so call
   * `zeroGrad()` before another try
   */
  backward(cotangent?: Tensor | Float32Array | null, options: BackwardOptions = {}): void {
    tracer?.refuse("backward()", "Compute gradients outside of forward.");
    checkOptions(() => `${this.title}.backward(cotangent)`, options, { retainGraph: true, onGradient: true });
    const seed = this.#cotangent(cotangent ?? null);
    if (this.#hold.node !== null) {
      this.#hold.node.backward(seed, options.retainGraph ?? false, options.onGradient ?? null);
    } else if (this.#leafRequiresGrad) {
      this.accumulate(seed);
      seed.dispose();
      options.onGradient?.(this);
    } else {
      throw new GraphError({
        where: `${this.title}.backward()`,
        expected: "a tensor computed from one with requiresGrad",
        received: "one that needs no gradient",
        cure: "Create a parameter with { requiresGrad: true }, and compute outside of noGrad().",
      });
    }
  }

  /** The cotangent as a tensor of no scope that the callee may keep. */
  #cotangent(given: Tensor | Float32Array | null): Tensor {
    if (given !== null && !(given instanceof Tensor) && !((given as unknown) instanceof Float32Array)) {
      throw new ArgumentError({
        where: `${this.title}.backward(cotangent)`,
        expected: "a tensor or a Float32Array",
        received: shown(given),
        cure: "Pass Float32Array.from(values), or tensor(values).",
      });
    }
    const received =
      given === null ? "none" : given instanceof Tensor ? formatShape(given.shape) : `${given.length} values`;
    const fits =
      given === null
        ? this.size === 1
        : given instanceof Tensor
          ? sameShape(given.shape, this.shape)
          : given.length === this.size;
    if (!fits) {
      throw new ShapeError({
        where: `${this.title}.backward(cotangent)`,
        expected: `a cotangent of shape ${formatShape(this.shape)}`,
        received,
        cure: "Pass one of that shape, or reduce to one value with sum() or mean() first.",
      });
    }
    if (given instanceof Tensor) return given.alias();
    if (given !== null) return upload("backward", this.backend, this.shape, given, false);
    const one = new Tensor(new Storage("backward", this.backend, 4), this.shape, "backward", false);
    this.backend.fill(one.block, 1, 1);
    return one;
  }

  /** @internal Adds to `.grad`; never keeps memory that somebody else looks at. */
  accumulate(gradient: Tensor): void {
    const { backend } = this;
    const bytes = this.size * 4;
    const view = { extents: [this.size], aStrides: [1], bStrides: [1] };
    const old = this.#grad;
    if (old !== null && !old.storage.shared) {
      backend.binary("add", old.block, gradient.block, old.block, view);
    } else if (old !== null) {
      const sum = new Storage("backward", backend, bytes);
      backend.binary("add", old.block, gradient.block, sum.block, view);
      // The tensor that is the gradient stays it; who shared its memory keeps the old values.
      old.storage.release();
      old.#hold.storage = sum;
    } else if (gradient.storage.shared) {
      const copy = new Tensor(new Storage("backward", backend, bytes), this.shape, "backward", false);
      const strides = { xStrides: [1], xOffset: 0, yStrides: [1], yOffset: 0 };
      backend.copy(gradient.block, copy.block, { extents: [this.size], ...strides });
      this.#grad = copy.persist();
    } else {
      this.#grad = gradient.alias().persist();
    }
  }

  /** Frees its memory now; using it afterwards is a `TensorFreedError`. Again: no effect. */
  dispose(): void {
    this.owner = null;
    const { storage } = this.#hold;
    if (this.#weight !== null && storage !== null) leaveWeight(this.#weight, storage.bytes);
    this.#weight = null;
    this.#hold.release();
  }

  /** `using t = …` frees it at the end of the block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal Its shape, `Tensor(2×3)`: how messages name it. */
  get title(): string {
    return `Tensor(${formatShape(this.shape)})`;
  }

  /**
   * Its shape and its values, which are read from its backend: a line for each row, and only the ends of long axes
   * where there are more than 1,000 values. On a backend that does not answer at once, and of a freed tensor, the shape
   * alone.
   *
   * @example
   * ```ts
   * String(tensor([1, 2])).split("\n"); // ["Tensor(2)", "[1, 2]"]
   * ```
   */
  toString(): string {
    if (this.#hold.storage === null) return `${this.title}, freed`;
    const values = this.peek();
    return values === null ? this.title : `${this.title}\n${printValues(values, this.shape)}`;
  }
}

// What `console.log` shows in Node.
Object.defineProperty(Tensor.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(this: Tensor) {
    return this.toString();
  },
});

/** The same values without the graph: gradients stop here. Shares the memory. */
export const detach = defineOp("detach", (t: Tensor) => view("detach", t, t.shape));

/** A new tensor of undefined values on a backend, for an op to fill. `origin` names the op. */
export function empty(origin: string, backend: Backend, shape: Shape, bytesPerValue = 4): Tensor {
  return new Tensor(new Storage(origin, backend, sizeOf(shape) * bytesPerValue), shape, origin, true);
}

/** Another tensor on the same memory, of as many values, without graph. `origin` names the op. */
export function view(origin: string, t: Tensor, shape: Shape): Tensor {
  return new Tensor(t.storage.retain(), shape, origin, true);
}

/** A scalar of this value, which nothing is uploaded for. */
export function scalar(origin: string, backend: Backend, value: number): Tensor {
  const t = empty(origin, backend, []);
  backend.fill(t.block, 1, value);
  return t;
}

/** Copies host values (f32, i32 for labels, or wide ones) into a new tensor. */
export function upload(
  origin: string,
  backend: Backend,
  shape: Shape,
  values: Float32Array | Int32Array | Float64Array,
  tracked = true,
): Tensor {
  const storage = new Storage(origin, backend, values.byteLength);
  if (values instanceof Float64Array) backend.writeWide(storage.block, values);
  else backend.write(storage.block, values);
  return new Tensor(storage, shape, origin, tracked);
}

/**
 * Exempts a tensor from the scopes around it: it lives until `dispose()`, or until the garbage collector finds it
 * unused.
 *
 * @returns the same tensor
 * @example
 * ```ts
 * let last: Tensor | undefined;
 * scope(() => {
 *   last = keep(tensor([1, 2]).mul(2));
 * });
 * last?.dataSync(); // Float32Array [2, 4]
 * ```
 */
export function keep(t: Tensor): Tensor {
  return t.persist();
}

function lateError(where: string, { name }: Backend, cure: string): BackendError {
  return new BackendError({ where, expected: "a backend that answers at once", received: name, cure });
}

/**
 * Checks, for callers without types, that an argument is a tensor.
 *
 * @param where - a layer, or the function and argument
 */
export function checkTensor(where: object | string, x: unknown): void {
  if (x instanceof Tensor) return;
  throw new ArgumentError({
    where: typeof where === "string" ? where : `${where}.forward(x)`,
    expected: "a tensor",
    received: typeof x === "object" && x !== null ? (x.constructor?.name ?? "an object") : String(x),
    cure: "Make one with tensor(values, shape).",
  });
}

/** The one backend that all these tensors live on. @throws ArgumentError if they live on two */
export function commonBackend(where: string, ...tensors: (Tensor | null)[]): Backend {
  let found: Backend | null = null;
  for (const t of tensors) {
    if (t === null) continue;
    found ??= t.backend;
    if (t.backend !== found) {
      throw new ArgumentError({
        where,
        expected: `every tensor on the ${found.name} backend`,
        received: `one on ${t.backend.name === found.name ? "another device" : t.backend.name}`,
        cure: "Call setBackend() once, before the model and the data are made.",
      });
    }
  }
  return found ?? currentBackend();
}
