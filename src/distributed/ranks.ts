import type { Communicator, PendingCollective } from "../communicator.js";
import { ArgumentError, BackendError } from "../errors.js";
import type { AnyModule } from "../nn/module.js";
import { empty, type Tensor } from "../tensor.js";

/**
 * Values of a gradient bucket, at least: 1 MiB, below which a collective costs more for being there than for its bytes.
 */
const bucketLength = 1 << 18;

/** Which samples of a batch a rank has. */
export interface Part {
  /** Samples on ranks of a lower number. */
  readonly before: number;
  /** Samples on all ranks. */
  readonly total: number;
}

/** What the ranks have told each other before a step. */
export interface Muster {
  /** The lowest rank that was told to stop, so that all stop before the same step; null if none was. */
  readonly stopper: number | null;
  /** Whether a callback of some rank asked for the end, of which no error is made. */
  readonly isAsked: boolean;
  /** This rank's samples among those of all. */
  readonly part: Part;
}

/** What a rank wants before a step: to go on, to stop by an error, or to end. */
export const Wish = { goOn: 0, stop: 1, end: 2 } as const;

/**
 * Tells every rank what this one wants (a {@link Wish}), and how many samples it has of the next step.
 *
 * @throws ArgumentError on every rank if none has any and none stops
 */
export function muster(communicator: Communicator, wish: number, samples: number, where: string): Muster {
  const told = communicator.allGather(Float64Array.of(wish, samples), "start of the step");
  const wishes = told.filter((_, i) => i % 2 === 0);
  const { stopper, isAsked } = decisionOf(wishes);
  const counts = told.filter((_, i) => i % 2 === 1);
  const sumOf = (values: Float64Array): number => values.reduce((sum, count) => sum + count, 0);
  const part = { before: sumOf(counts.subarray(0, communicator.rank)), total: sumOf(counts) };
  if (stopper !== null || isAsked || part.total > 0 || communicator.size === 1) return { stopper, isAsked, part };
  throw new ArgumentError({
    where,
    expected: "samples on at least one rank",
    received: "none",
    cure: "Skip batches that are empty everywhere.",
  });
}

/** What all ranks do, since they told each other what they want (a {@link Wish}). */
export function stopsOn(communicator: Communicator, wish: number): Pick<Muster, "stopper" | "isAsked"> {
  return decisionOf(communicator.allGather(Float64Array.of(wish), "whether to stop"));
}

function decisionOf(wishes: Float64Array): Pick<Muster, "stopper" | "isAsked"> {
  const first = wishes.indexOf(Wish.stop);
  return { stopper: first < 0 ? null : first, isAsked: wishes.includes(Wish.end) };
}

/**
 * Gives every rank the parameters and buffers of rank 0.
 *
 * @throws BackendError if they lie on a backend that does not answer at once
 */
export function broadcastState(model: AnyModule, communicator: Communicator): void {
  if (communicator.size === 1) return;
  const late = model.ownState().find(([, t]) => !t.backend.answersAtOnce)?.[1].backend;
  if (late !== undefined) {
    throw new BackendError({
      where: "fit(model, data, { communicator })",
      expected: `a backend whose memory ranks can exchange, with ${communicator.size} ranks`,
      received: late.name,
      cure: 'Train on wasm: setBackend("wasm"), or await copyTo(model, "wasm"). On one rank, leave the communicator out.',
    });
  }
  const state = model.stateDict();
  for (const [name, t] of Object.entries(state)) {
    const values = t.dataSync();
    communicator.broadcast(values, 0, `state ${name}`);
    t.backend.write(t.block, values);
  }
  model.loadStateDict(state);
  for (const t of Object.values(state)) t.dispose();
}

/**
 * Gradients that travel together: all values one after another, then for each parameter whether this rank has a
 * gradient of it.
 */
interface Bucket {
  readonly parameters: readonly Tensor[];
  readonly values: Float32Array;
  missing: number;
  pending: PendingCollective | null;
}

/**
 * Sums gradients over ranks while the backward pass goes on: parameters are packed into buckets from the last to the
 * first, the order in which their gradients are done, and a bucket travels as soon as it and those before it are full.
 * One serves all steps of a training.
 */
export class GradientExchange {
  readonly #communicator: Communicator;
  readonly #parameters: readonly Tensor[];
  #trained: readonly Tensor[] = [];
  #buckets: readonly Bucket[] = [];
  #bucketOf = new Map<Tensor, Bucket>();
  #next = 0;

  constructor(parameters: readonly Tensor[], communicator: Communicator) {
    this.#communicator = communicator;
    this.#parameters = parameters;
  }

  /** Before the backward pass of a step. */
  start(): void {
    const trained = trainedOf(this.#parameters);
    if (trained.length !== this.#trained.length || trained.some((parameter, k) => parameter !== this.#trained[k])) {
      this.#trained = trained;
      this.#buckets = packed(trained);
      this.#bucketOf = new Map(this.#buckets.flatMap((bucket) => bucket.parameters.map((one) => [one, bucket])));
    }
    for (const bucket of this.#buckets) bucket.missing = bucket.parameters.length;
    this.#next = 0;
  }

  /** A gradient is done: see {@link BackwardOptions.onGradient}. */
  readonly ready = (parameter: Tensor): void => {
    const bucket = this.#bucketOf.get(parameter);
    if (bucket === undefined) return;
    bucket.missing--;
    while (this.#next < this.#buckets.length && this.#buckets[this.#next].missing === 0) this.#send();
  };

  /** After the backward pass: sends what is left, since a rank may have no gradient of some parameter. */
  sendRest(): void {
    while (this.#next < this.#buckets.length) this.#send();
  }

  /**
   * Waits for all that was sent, and gives the parameters the sums. A parameter without gradient on any rank gets none.
   */
  finish(): void {
    for (const { parameters, values, pending } of this.#buckets) {
      pending?.finish();
      let at = 0;
      for (const [k, parameter] of parameters.entries()) {
        const sum = values.subarray(at, at + parameter.size);
        at += parameter.size;
        if (values[values.length - parameters.length + k] === 0) continue;
        const { backend, shape } = parameter;
        const gradient = parameter.grad ?? empty("backward", backend, shape).persist();
        backend.write(gradient.block, sum);
        if (parameter.grad === null) parameter.exchangeGrad(gradient);
      }
    }
  }

  #send(): void {
    const { parameters, values } = this.#buckets[this.#next];
    let at = 0;
    for (const [k, { grad, size }] of parameters.entries()) {
      const own = values.subarray(at, at + size);
      if (grad === null) own.fill(0);
      else grad.backend.readInto(grad.block, own);
      values[values.length - parameters.length + k] = grad === null ? 0 : 1;
      at += size;
    }
    const purpose = `gradients, part ${this.#next + 1}`;
    this.#buckets[this.#next++].pending = this.#communicator.beginAllReduceSum(values, purpose);
  }
}

/** How many values travel together, bucket by bucket, of these parameters. */
export function bucketSizes(parameters: readonly Tensor[]): number[] {
  return packed(trainedOf(parameters)).map(({ values }) => values.length);
}

/** Those that are trained, from the last to the first. */
function trainedOf(parameters: readonly Tensor[]): Tensor[] {
  return parameters.filter(({ requiresGrad }) => requiresGrad).reverse();
}

function packed(parameters: readonly Tensor[]): Bucket[] {
  const groups: Tensor[][] = [];
  let room = 0;
  for (const parameter of parameters) {
    if (room <= 0) {
      groups.push([]);
      room = bucketLength;
    }
    groups[groups.length - 1].push(parameter);
    room -= parameter.size;
  }
  return groups.map((group) => ({
    parameters: group,
    values: new Float32Array(group.reduce((length, { size }) => length + size, group.length)),
    missing: 0,
    pending: null,
  }));
}
