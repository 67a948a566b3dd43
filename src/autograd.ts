import type { Backend } from "./backend/backend.js";
import { GraphError, ShapeError } from "./errors.js";
import { currentPass, type LayerPass, namedIn } from "./layer-pass.js";
import { refusePromise, scope } from "./scope.js";
import { formatShape, type Shape, sameShape, sizeOf } from "./shape.js";
import { Storage } from "./storage.js";
import { Tensor } from "./tensor.js";
import { tracer } from "./tracing.js";

let recording = true;
/** Walks over graphs so far: each marks the nodes it has seen by its number. */
let walks = 0;

/**
 * Runs `fn` without recording a graph: what is computed inside needs no gradient and keeps nothing for one.
 *
 * @param fn - synchronous
 * @throws ArgumentError if `fn` returns a promise
 * @example
 * ```ts
 * const w = tensor([1, 2], { requiresGrad: true });
 * noGrad(() => w.mul(2)).requiresGrad; // false
 * ```
 */
export function noGrad<T>(fn: () => T): T {
  return tracer === null ? withoutRecording(fn) : tracer.withoutGradient(() => withoutRecording(fn));
}

function withoutRecording<T>(fn: () => T): T {
  const before = recording;
  recording = false;
  try {
    const result = fn();
    refusePromise("noGrad(fn)", result);
    return result;
  } finally {
    recording = before;
  }
}

/** The gradient of an input that is 0 but for a part, which is added to a sum without the zeros. */
export interface PartialGradient {
  /** That of the input. */
  readonly shape: Shape;
  /** Adds the part to a sum of that shape, in place. */
  addTo(sum: Tensor): void;
}

/**
 * From dy, the gradients of an op's inputs, in their order: a tensor of each input's shape, or null where `needs` is
 * false. It runs in a scope of its own and outside of the graph. `saved` are the tensors that were handed to
 * {@link record}.
 */
export type Gradient = (
  dy: Tensor,
  saved: readonly Tensor[],
  needs: readonly boolean[],
) => readonly (Tensor | PartialGradient | null)[];

/**
 * One op that has run: where its gradients go, and what they are computed from. Nodes hang off the tensor they made and
 * off the nodes that used it, counted, so that a graph nobody can reach any more lets its memory go.
 */
export class GraphNode {
  readonly name: string;
  readonly shape: Shape;
  #inputs: readonly (GraphNode | Tensor | null)[];
  #saved: readonly Tensor[];
  readonly #versions: readonly number[];
  #gradient: Gradient | null;
  /** The layer that computed it. */
  #pass: LayerPass | null = currentPass();
  #references = 1;
  /** The gradient of the output, as far as it has arrived in the backward pass at work. */
  #arrived: Tensor | null = null;
  /** The number of the last walk that came by. */
  #walk = 0;
  #listeners: ((dy: Tensor) => void)[] = [];

  constructor(name: string, shape: Shape, inputs: readonly Tensor[], saved: readonly Tensor[], gradient: Gradient) {
    this.name = name;
    this.shape = shape;
    this.#inputs = inputs.map((input) => {
      if (input.node !== null) input.node.#references++;
      return input.node ?? (input.requiresGrad ? input : null);
    });
    this.#saved = saved.map((t) => t.alias());
    this.#versions = saved.map((t) => t.storage.version);
    this.#gradient = gradient;
  }

  /**
   * Calls a listener in each backward pass with the whole gradient of what the op gave, which is valid inside the call.
   */
  onGradient(listener: (dy: Tensor) => void): void {
    this.#listeners.push(listener);
  }

  /** One holder fewer; without holders the node lets go of what it saved. Deep graphs are walked, not recursed into. */
  release(): void {
    const pending: GraphNode[] = [this];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (--node.#references > 0) continue;
      for (const input of node.#inputs) if (input instanceof GraphNode) pending.push(input);
      node.#forget();
    }
  }

  #forget(): void {
    for (const t of this.#saved) t.dispose();
    this.#saved = [];
    this.#inputs = [];
    this.#gradient = null;
    this.#pass = null;
    this.#listeners = [];
  }

  /** Every node from here to the leaves, each before the nodes it was computed from. */
  #order(): GraphNode[] {
    const order: GraphNode[] = [];
    const walk = ++walks;
    this.#walk = walk;
    const stack: { node: GraphNode; next: number }[] = [{ node: this, next: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (top.next === top.node.#inputs.length) {
        order.push(top.node);
        stack.pop();
        continue;
      }
      const input = top.node.#inputs[top.next++];
      if (!(input instanceof GraphNode) || input.#walk === walk) continue;
      input.#walk = walk;
      stack.push({ node: input, next: 0 });
    }
    return order.reverse();
  }

  /**
   * Sends `seed` (of no scope, taken over) back to the leaves; `onLeaf` is called with each leaf whose gradient is
   * complete. What throws on the way leaves gradients unfinished, and the graph released all the same unless
   * `retainGraph`.
   */
  backward(seed: Tensor, retainGraph: boolean, onLeaf: ((leaf: Tensor) => void) | null): void {
    this.#arrived = seed;
    const order = this.#order();
    try {
      for (const node of order) {
        if (node.#gradient === null) throw releasedError(this.name, node.name);
      }
      try {
        GraphNode.#sendAll(order, onLeaf);
      } finally {
        if (!retainGraph) GraphNode.#forgetAll(order);
      }
    } finally {
      for (const node of order) node.#takeArrived()?.dispose();
    }
  }

  #takeArrived(): Tensor | null {
    const arrived = this.#arrived;
    this.#arrived = null;
    return arrived;
  }

  /** The leaves that gradients go to from here, one entry for each use. */
  leaves(): Tensor[] {
    return this.#inputs.filter((input): input is Tensor => input instanceof Tensor);
  }

  /** Sends gradients through nodes, each before those it was computed from. */
  static #sendAll(order: readonly GraphNode[], onLeaf: ((leaf: Tensor) => void) | null): void {
    const uses = onLeaf === null ? null : leafUses(order);
    for (const node of order) {
      const dy = node.#takeArrived();
      if (dy === null) continue;
      try {
        scope(() => noGrad(() => node.#send(dy)));
      } catch (error) {
        throw namedIn(node.#pass, "backward(dy)", error);
      } finally {
        dy.dispose();
      }
      if (uses === null) continue;
      for (const leaf of node.leaves()) {
        const left = (uses.get(leaf) ?? 0) - 1;
        uses.set(leaf, left);
        if (left === 0) onLeaf?.(leaf);
      }
    }
  }

  /**
   * Lets go of a whole graph: each input node loses a holder, and those that only the graph held are in `order`
   * themselves.
   */
  static #forgetAll(order: readonly GraphNode[]): void {
    for (const node of order) {
      const inputs = node.#inputs;
      node.#forget();
      for (const input of inputs) if (input instanceof GraphNode) input.#references--;
    }
  }

  #send(dy: Tensor): void {
    if (this.#saved.some((t, k) => t.storage.version !== this.#versions[k])) {
      throw new GraphError({
        where: `backward() through ${this.name}`,
        expected: "values as they were in the forward pass",
        received: "ones that step() or loadStateDict() has changed since",
        cure: "Call backward() before step(), and compute forward again after it.",
      });
    }
    for (const listener of this.#listeners) listener(dy);
    const needs = this.#inputs.map((input) => input !== null);
    const gradients = (this.#gradient as Gradient)(dy, this.#saved, needs);
    this.#inputs.forEach((input, k) => {
      const gradient = gradients[k] ?? null;
      if (input === null || gradient === null) return;
      if (!sameShape(gradient.shape, input.shape)) {
        throw new ShapeError({
          where: `${this.name}.backward(dy)`,
          expected: `a gradient of shape ${formatShape(input.shape)} for input ${k}`,
          received: formatShape(gradient.shape),
          cure: "Return one gradient of each input's own shape.",
        });
      }
      if (input instanceof Tensor) accumulate(input, gradient, dy.backend);
      else input.#arrived = sumInto(input.#arrived, gradient, dy.backend);
    });
  }
}

/** How often each leaf is used by the nodes. */
function leafUses(nodes: readonly GraphNode[]): Map<Tensor, number> {
  const uses = new Map<Tensor, number>();
  for (const leaf of nodes.flatMap((node) => node.leaves())) uses.set(leaf, (uses.get(leaf) ?? 0) + 1);
  return uses;
}

/** Adds to the gradient of a leaf. */
function accumulate(leaf: Tensor, gradient: Tensor | PartialGradient, backend: Backend): void {
  const all = whole(gradient, backend);
  leaf.accumulate(all);
  // No scope frees what was made for a part; the leaf holds its memory by now, or has added it to what it had.
  if (all !== gradient) all.dispose();
}

/** A gradient with its zeros. */
function whole(gradient: Tensor | PartialGradient, backend: Backend): Tensor {
  if (gradient instanceof Tensor) return gradient;
  const sum = ofNoScope(gradient.shape, backend);
  backend.fill(sum.block, sum.size, 0);
  gradient.addTo(sum);
  return sum;
}

function ofNoScope(shape: Shape, backend: Backend): Tensor {
  return new Tensor(new Storage("backward", backend, sizeOf(shape) * 4), shape, "backward", false);
}

/** The sum of what has arrived so far and one more; takes `sofar` over. */
function sumInto(sofar: Tensor | null, gradient: Tensor | PartialGradient, backend: Backend): Tensor {
  if (!(gradient instanceof Tensor)) {
    if (sofar === null) return whole(gradient, backend);
    const own = sofar.storage.shared ? ofNoScope(sofar.shape, backend) : sofar;
    if (own !== sofar) {
      const walk = { extents: [own.size], xStrides: [1], xOffset: 0, yStrides: [1], yOffset: 0 };
      backend.copy(sofar.block, own.block, walk);
      sofar.dispose();
    }
    gradient.addTo(own);
    return own;
  }
  if (sofar === null) return gradient.alias();
  const { size } = gradient;
  const view = { extents: [size], aStrides: [1], bStrides: [1] };
  if (!sofar.storage.shared) {
    backend.binary("add", sofar.block, gradient.block, sofar.block, view);
    return sofar;
  }
  const sum = ofNoScope(gradient.shape, backend);
  backend.binary("add", sofar.block, gradient.block, sum.block, view);
  sofar.dispose();
  return sum;
}

function releasedError(root: string, at: string): GraphError {
  return new GraphError({
    where: `backward() of ${root}`,
    expected: "a graph that no backward() has released",
    received: `one released at ${at}`,
    cure: "Compute forward again, add the losses before one backward(), or pass { retainGraph: true } to the earlier call.",
  });
}

/**
 * Hangs an op onto its output, if anything it was computed from needs a gradient.
 *
 * @param name - the op, as messages name it
 * @param output - the op's result, so far without graph
 * @param inputs - what gradients flow to
 * @param saved - what the gradient is computed from; kept until the graph is released, whatever becomes of the tensors
 * themselves
 * @param gradient - must not use tensors other than dy and `saved`
 * @returns the output
 */
export function record(
  name: string,
  output: Tensor,
  inputs: readonly Tensor[],
  saved: readonly Tensor[],
  gradient: Gradient,
): Tensor {
  if (recording && inputs.some((input) => input.requiresGrad)) {
    output.node = new GraphNode(name, output.shape, inputs, saved, gradient);
  }
  return output;
}

/**
 * Whether the result of an op on these inputs will need a gradient: whether it is worth keeping what only that would
 * use.
 */
export function willRecord(...inputs: (Tensor | null)[]): boolean {
  return recording && inputs.some((input) => input?.requiresGrad);
}
