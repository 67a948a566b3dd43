import type { Communicator, PendingCollective } from "../communicator.js";
import { ArgumentError } from "../errors.js";
import type { AnyModule } from "../nn/module.js";
import { type Tensor, upload } from "../tensor.js";

/** Values of a gradient bucket, at least: 1 MiB, below which a collective costs more for being there than for its bytes. */
const bucketLength = 1 << 18;

/** Which samples of a batch a rank has. */
export interface Part {
  /** Samples on ranks of a lower number. */
  readonly before: number;
  /** Samples on all ranks. */
  readonly total: number;
}

/** Asks every rank how many samples of this step it has. @throws ArgumentError on every rank if none has any */
export function partOf(communicator: Communicator, samples: number, where: string): Part {
  const counts = communicator.allGather(Float64Array.of(samples), "samples of the step");
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total > 0) return { before: counts.subarray(0, communicator.rank).reduce((sum, count) => sum + count, 0), total };
  throw new ArgumentError({
    where,
    expected: "samples on at least one rank",
    received: "none",
    cure: "Skip batches that are empty everywhere.",
  });
}

/** The lowest rank that was told to stop, on every rank, so that all stop before the same step; null if none was. */
export function stopsOn(communicator: Communicator, isTold: boolean): number | null {
  if (communicator.size === 1) return isTold ? 0 : null;
  const told = communicator.allGather(Float64Array.of(isTold ? 1 : 0), "whether to stop");
  const first = told.indexOf(1);
  return first < 0 ? null : first;
}

/** Gives every rank the parameters and buffers of rank 0. */
export function broadcastState(model: AnyModule, communicator: Communicator): void {
  if (communicator.size === 1) return;
  const state = model.stateDict();
  for (const [name, t] of Object.entries(state)) {
    const values = t.dataSync();
    communicator.broadcast(values, 0, `state ${name}`);
    t.backend.write(t.block, values);
  }
  model.loadStateDict(state);
  for (const t of Object.values(state)) t.dispose();
}

/** Gradients that travel together: all values one after another, then for each parameter whether this rank has a gradient of it. */
interface Bucket {
  readonly parameters: readonly Tensor[];
  readonly values: Float32Array;
  missing: number;
  pending: PendingCollective | null;
}

/**
 * Sums gradients over ranks while the backward pass goes on: parameters are packed into buckets from the last to the first, the order in which
 * their gradients are done, and a bucket travels as soon as it and those before it are full.
 */
export class GradientExchange {
  readonly #communicator: Communicator;
  readonly #buckets: readonly Bucket[];
  readonly #bucketOf = new Map<Tensor, Bucket>();
  #next = 0;

  constructor(parameters: readonly Tensor[], communicator: Communicator) {
    this.#communicator = communicator;
    this.#buckets = packed(parameters);
    for (const bucket of this.#buckets)
      for (const parameter of bucket.parameters) this.#bucketOf.set(parameter, bucket);
  }

  /** A gradient is done: see {@link BackwardOptions.onGradient}. */
  readonly ready = (parameter: Tensor): void => {
    const bucket = this.#bucketOf.get(parameter);
    if (bucket === undefined) return;
    bucket.missing--;
    while (this.#next < this.#buckets.length && this.#buckets[this.#next].missing === 0) this.#send();
  };

  /** Sends what is left, waits for all of it, and gives the parameters the sums. A parameter without gradient on any rank gets none. */
  finish(): void {
    while (this.#next < this.#buckets.length) this.#send();
    for (const { parameters, values, pending } of this.#buckets) {
      pending?.finish();
      let at = 0;
      for (const [k, parameter] of parameters.entries()) {
        const sum = values.subarray(at, at + parameter.size);
        at += parameter.size;
        if (values[values.length - parameters.length + k] === 0) continue;
        parameter.grad?.dispose();
        parameter.grad = upload("backward", parameter.backend, parameter.shape, sum, false).persist();
      }
    }
  }

  #send(): void {
    const bucket = this.#buckets[this.#next++];
    let at = 0;
    for (const [k, { grad, size }] of bucket.parameters.entries()) {
      if (grad !== null) bucket.values.set(grad.dataSync(), at);
      bucket.values[bucket.values.length - bucket.parameters.length + k] = grad === null ? 0 : 1;
      at += size;
    }
    bucket.pending = this.#communicator.beginAllReduceSum(bucket.values, `gradients, part ${this.#next}`);
  }
}

/** How many values travel together, bucket by bucket, of these parameters. */
export function bucketSizes(parameters: readonly Tensor[]): number[] {
  return packed(parameters).map(({ values }) => values.length);
}

/** Those that are trained, from the last to the first. */
function packed(parameters: readonly Tensor[]): Bucket[] {
  const groups: Tensor[][] = [];
  let room = 0;
  for (const parameter of parameters.filter(({ requiresGrad }) => requiresGrad).reverse()) {
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
    missing: group.length,
    pending: null,
  }));
}
