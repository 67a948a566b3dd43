import { noGrad } from "../../autograd.js";
import { alone, type Communicator } from "../../communicator.js";
import type { Batch } from "../../data/dataset.js";
import { toTensor } from "../../data/to-tensor.js";
import { muster, Wish } from "../../distributed/ranks.js";
import { ArgumentError } from "../../errors.js";
import type { AnyModule } from "../../nn/module.js";
import type { RunningNorm } from "../../nn/norms/running-norm.js";
import { isSynchronized, ranksOf } from "../../nn/norms/sync-batch-norm.js";
import { slice } from "../../ops/slice.js";
import { scope } from "../../scope.js";
import type { Shape } from "../../shape.js";
import { Tensor } from "../../tensor.js";
import { inputsOf, isInputList } from "../../train/step.js";
import { type NormLevels, normLevels } from "./norm-levels.js";
import { type Population, populationOf } from "./population.js";
import type { RecalibrateOptions } from "./recalibrate.js";

/** Batches of any kind, gone through once for each pass. */
export type BatchSource<B> = Iterable<B> | AsyncIterable<B>;

/** Thrown where a forward pass has reached the norm that it was made for. */
const reached = Symbol("reached");

const where = "recalibrate(model, data)";

/** Runs a model over data, once for each pass, and gathers what its norms are given. */
export class Sweep<M extends AnyModule, B> {
  /** Samples in a pass; 0 if the batches do not tell. */
  samples = 0;
  /** The norms that the first batch reaches, in the order in which it does. */
  applied: readonly RunningNorm[] = [];
  #batches = 0;
  readonly #model: M;
  readonly #data: BatchSource<B>;
  readonly #options: RecalibrateOptions<B, M>;

  constructor(model: M, data: BatchSource<B>, options: RecalibrateOptions<B, M>) {
    this.#model = model;
    this.#data = data;
    this.#options = options;
  }

  /**
   * Those norms that the first batch reaches, in the order in which it does, in groups that do not depend on each
   * other: each depends on norms of groups before its own alone.
   *
   * @throws ArgumentError if it reaches one twice
   */
  async groups(norms: readonly RunningNorm[]): Promise<RunningNorm[][]> {
    const calls: RunningNorm[] = [];
    let levels: NormLevels | null = null;
    for await (const batch of this.#data) {
      this.#options.signal?.throwIfAborted();
      const all = Number.POSITIVE_INFINITY;
      this.#run(batch, all, norms, (norm) => calls.push(norm));
      if (new Set(calls).size === calls.length && calls.length > 1)
        levels = normLevels(() => this.#run(batch, all, [], () => {}));
      this.#batches = 1;
      break;
    }
    this.#checkAny();
    const twice = calls.find((norm, k) => calls.indexOf(norm) < k);
    this.applied = calls;
    if (twice === undefined) return grouped(calls, levels);
    const [name] = this.#model.namedModules().find(([, module]) => module === twice) ?? [""];
    throw new ArgumentError({
      where,
      expected: "each norm applied once in a forward pass, so that its statistics do not depend on themselves",
      received: `${name}, ${twice}, applied ${calls.filter((norm) => norm === twice).length} times`,
      cure: 'Pass { mode: "batch" }, which pools all its uses.',
    });
  }

  /**
   * One pass over the data.
   *
   * @param norms - whose populations are gathered; if it is one of several passes, each forward pass ends behind the
   * last of them
   */
  async pass(norms: readonly RunningNorm[], pass: number, passes: number): Promise<Map<RunningNorm, Population>> {
    const { samples: limit = Number.POSITIVE_INFINITY, onProgress, mode = "sequential" } = this.#options;
    const { communicator = alone } = this.#options;
    const populations = new Map(norms.map((norm) => [norm, populationOf(norm)]));
    let samples = 0;
    let batches = 0;
    for await (const batch of this.#data) {
      const { before, others } = this.#partOf(batch, communicator);
      const found: [RunningNorm, Tensor][] = [];
      const own = this.#run(batch, Math.max(0, limit - samples - before), norms, (norm, moments) => {
        found.push([norm, moments.alias()]);
        if (mode === "sequential" && found.length === norms.length) throw reached;
      });
      samples += communicator.size === 1 ? own : Math.min(this.#count(batch) + others, limit - samples);
      batches++;
      for (const [norm, moments] of found) {
        const values = await moments.backend.readWide(moments.block, moments.size);
        moments.dispose();
        populations.get(norm)?.add(values);
      }
      await onProgress?.({ pass, passes, samples });
      if (samples >= limit) break;
    }
    for (const [norm, population] of populations) {
      // What synchronised norms are given is of all ranks already.
      if (isSynchronized(norm) && ranksOf(norm) !== null) continue;
      population.share(communicator, `${norm}, statistics of the data`);
    }
    if (pass === 0) [this.samples, this.#batches] = [samples, batches];
    this.#check(pass, passes, samples, batches);
    return populations;
  }

  /**
   * How many samples of a batch lie on ranks of a lower number, and on all others.
   *
   * @throws the signal's reason, or an `AbortError` if it is another rank that was told to stop
   */
  #partOf(batch: B, communicator: Communicator): { readonly before: number; readonly others: number } {
    const { signal } = this.#options;
    if (communicator.size === 1) {
      signal?.throwIfAborted();
      return { before: 0, others: 0 };
    }
    const count = this.#count(batch);
    const { stopper, part } = muster(communicator, signal?.aborted === true ? Wish.stop : Wish.goOn, count, where);
    signal?.throwIfAborted();
    if (stopper !== null) throw new DOMException(`${where}: rank ${stopper} was told to stop`, "AbortError");
    return { before: part.before, others: part.total - count };
  }

  /** Applies the model to at most so many samples of a batch. @returns how many they were */
  #run(
    batch: B,
    most: number,
    norms: readonly RunningNorm[],
    observer: (norm: RunningNorm, moments: Tensor) => void,
  ): number {
    const stops = norms.map((norm) => norm.observe((moments) => observer(norm, moments)));
    try {
      return scope(() =>
        noGrad(() => {
          try {
            return this.#apply(batch, most);
          } catch (error) {
            if (error !== reached) throw error;
            return this.#options.forward === undefined ? Math.min(this.#count(batch), most) : this.#count(batch);
          }
        }),
      );
    } finally {
      for (const stop of stops) stop();
    }
  }

  #apply(batch: B, most: number): number {
    const count = this.#count(batch);
    const { forward } = this.#options;
    if (forward !== undefined) {
      forward(this.#model, batch);
      return count;
    }
    const inputs = isInputList(batch) ? batch : [batch instanceof Tensor ? batch : inputsOf(batch as Batch<unknown>)];
    const isWhole = (x: Tensor): boolean => count <= most || x.rank === 0 || x.shape[0] !== count;
    const some = (x: Tensor): Tensor => (isWhole(x) ? x : slice(x, 0, most));
    const { mask } = isInputList(batch) || batch instanceof Tensor ? {} : (batch as Batch<unknown>);
    const options = mask === undefined ? [] : [{ mask: some(toTensor(mask)) }];
    Reflect.apply(this.#model.forward, this.#model, [...inputs.map(some), ...options]);
    return Math.min(count, most);
  }

  /** How many samples a batch has; 0 if it does not tell, where that does not matter. */
  #count(batch: unknown): number {
    if (batch instanceof Tensor) return batch.shape[0];
    if (isInputList(batch)) return batch[0].shape[0];
    if (hasInputs(batch)) return batch.inputs.shape[0];
    const { forward, samples, blend = 0 } = this.#options;
    if (forward !== undefined && samples === undefined && blend === 0) return 0;
    throw new ArgumentError({
      where,
      expected:
        forward === undefined
          ? "tensors, lists of them, or batches with inputs"
          : "batches with inputs, by which samples are counted",
      received: batch === null ? "null" : `one of type ${typeof batch}`,
      cure:
        forward === undefined ? "Pass { forward: (model, batch) => … } for others." : "Leave samples and blend out.",
    });
  }

  #checkAny(): void {
    if (this.#batches > 0) return;
    const cure = "Pass data that have samples.";
    throw new ArgumentError({ where, expected: "at least one batch", received: "none", cure });
  }

  /** Passes over different data would give statistics that do not fit each other. */
  #check(pass: number, passes: number, samples: number, batches: number): void {
    this.#checkAny();
    if (samples === this.samples && batches === this.#batches) return;
    const describe = (s: number, b: number): string => `${s} samples in ${b} batches`;
    throw new ArgumentError({
      where,
      expected: `the same data in each pass: ${describe(this.samples, this.#batches)}`,
      received: `${describe(samples, batches)} in pass ${pass + 1} of ${passes}`,
      cure: "Pass data that can be gone through once for each norm.",
    });
  }
}

/** Norms of one level are measured together; each by itself where levels are not known. */
function grouped(norms: readonly RunningNorm[], levels: NormLevels | null): RunningNorm[][] {
  const groups = new Map<number, RunningNorm[]>();
  const known = norms.every((norm) => levels?.has(norm)) ? levels : null;
  for (const [k, norm] of norms.entries()) {
    const level = known?.get(norm) ?? k;
    groups.set(level, [...(groups.get(level) ?? []), norm]);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group);
}

function hasInputs(batch: unknown): batch is { readonly inputs: { readonly shape: Shape } } {
  if (typeof batch !== "object" || batch === null || !("inputs" in batch)) return false;
  const { inputs } = batch;
  return typeof inputs === "object" && inputs !== null && "shape" in inputs && Array.isArray(inputs.shape);
}
