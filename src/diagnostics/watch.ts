import { ArgumentError } from "../errors.js";
import type { ChannelAxis } from "../nn/layer-traits.js";
import type { AnyModule } from "../nn/module.js";
import { Norm } from "../nn/norms/norm.js";
import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";
import { shown } from "../shown.js";
import { empty, type Tensor } from "../tensor.js";
import { channelAxes, channelsOf } from "./channel-axis.js";
import { type Distribution, distributionOf, finite } from "./distribution.js";
import { enoughValues, PendingSummary, type SummaryOptions } from "./summary.js";

/** Options of {@link watch}. */
export interface WatchOptions {
  /** Look at each so many-th forward pass, the first being looked at; ≥ 1. @defaultValue 1 */
  readonly every?: number;
  /** Which modules are looked at. @defaultValue norms and activations */
  readonly layers?: (module: AnyModule, name: string) => boolean;
  /** Bins of each histogram, from 1 to 4096. @defaultValue 48 */
  readonly bins?: number;
  /**
   * What histograms range over, so that they can be compared with each other.
   *
   * @defaultValue null: each over mean ± 4 deviations of its values, as far as there are any
   */
  readonly range?: readonly [low: number, high: number] | null;
}

/** What a layer was given and what it gave in a forward pass. */
export interface WatchedLayer {
  /** Its path in the model, as in {@link Module.namedModules}: `3`, `body.1`. */
  readonly layer: string;
  /** What it is: `BatchNorm(16)`. */
  readonly module: string;
  /** Before the layer. */
  readonly input: Distribution;
  /** Behind it. */
  readonly output: Distribution;
  /**
   * ‖∂loss/∂output‖₂ over the whole batch; null where no backward pass had come through when the next forward pass
   * began.
   */
  readonly gradientNorm: number | null;
}

/** The layers in one forward pass. */
export interface WatchRecord {
  /**
   * Which forward pass in training mode, counted from 0 since the watch began: the step, where there is one pass to a
   * step.
   */
  readonly step: number;
  /** In the order in which they were applied. */
  readonly layers: readonly WatchedLayer[];
}

/** What was seen of a layer, still with the backend. */
interface Sighting {
  readonly module: AnyModule;
  readonly input: PendingSummary;
  readonly output: PendingSummary;
  /** Σ dy² as f64, when a gradient has come. */
  squares: Tensor | null;
}

/** Norms and activations. */
function isWatched(module: AnyModule): boolean {
  return module instanceof Norm || module.isElementwise;
}

/** Follows the layers of a model while it trains: what {@link watch} returns. */
export class Watcher {
  readonly #model: AnyModule;
  readonly #names: ReadonlyMap<AnyModule, string>;
  readonly #axes: ReadonlyMap<AnyModule, ChannelAxis>;
  readonly #every: number;
  readonly #options: SummaryOptions;
  #unhook: (() => void)[] = [];
  #step = 0;
  /** Of the pass under way. */
  #sightings: Sighting[] = [];
  /** Of tensors of the pass under way, since what one layer gives is often what the next is given. */
  #summaries = new Map<Tensor, PendingSummary>();
  /** The last pass that was looked at, whose gradients may still be to come. */
  #last: { readonly step: number; readonly sightings: readonly Sighting[] } | null = null;
  #records: Promise<WatchRecord>[] = [];

  /** @internal See {@link watch}. */
  constructor(model: AnyModule, { every = 1, layers = isWatched, bins = 48, range = null }: WatchOptions) {
    this.#every = checkCount(where, "every", every);
    this.#options = { bins: checkBins(bins), range: checkLimits(range), mostCounted: enoughValues };
    this.#model = model;
    this.#names = new Map(
      model.namedModules().flatMap(([name, module]) => (layers(module, name) ? [[module, name]] : [])),
    );
    this.#axes = channelAxes(model);
    this.#hook();
  }

  /**
   * The records since the last call, in order. Call it between steps, as in `onStep` of {@link fit}: a pass whose
   * gradients have not come by then has none. They are handed over, and not kept.
   */
  take(): Promise<WatchRecord[]> {
    this.#finishLast();
    this.#dropUnfinished();
    const records = this.#records;
    this.#records = [];
    return Promise.all(records);
  }

  /** Lets go of what was seen of a pass that threw before its end. */
  #dropUnfinished(): void {
    for (const { input, output } of this.#sightings) {
      input.dispose();
      output.dispose();
    }
    this.#sightings = [];
    this.#summaries = new Map();
  }

  /** Lets go of the model. @returns what {@link Watcher.take} would */
  stop(): Promise<WatchRecord[]> {
    for (const unhook of this.#unhook) unhook();
    this.#unhook = [];
    return this.take();
  }

  /** Listens to the layers if the coming pass is one to be looked at; and for its end, after all of them. */
  #hook(): void {
    for (const unhook of this.#unhook) unhook();
    const looks = this.#step % this.#every === 0;
    const layers = looks ? [...this.#names.keys()] : [];
    this.#unhook = layers.map((layer) => layer.onForward((module, x, y) => this.#look(module, x, y)));
    this.#unhook.push(this.#model.onForward(() => this.#endPass(looks)));
  }

  #look(module: AnyModule, x: Tensor, y: Tensor): void {
    if (!this.#model.training) return;
    const sighting: Sighting = {
      module,
      input: this.#summarize(module, x),
      output: this.#summarize(module, y),
      squares: null,
    };
    this.#sightings.push(sighting);
    y.node?.onGradient((dy) => {
      sighting.squares ??= squaresOf(dy);
    });
  }

  #summarize(module: AnyModule, x: Tensor): PendingSummary {
    const view = channelsOf(x, this.#axes.get(module) ?? "second");
    const known = this.#summaries.get(x);
    if (known?.channels === view.kept) return known;
    const summary = new PendingSummary(x, view, this.#options);
    this.#summaries.set(x, summary);
    return summary;
  }

  #endPass(looked: boolean): void {
    if (!this.#model.training) return;
    if (looked) {
      this.#finishLast();
      this.#last = { step: this.#step, sightings: this.#sightings };
      this.#sightings = [];
      this.#summaries = new Map();
    }
    this.#step++;
    if (looked !== (this.#step % this.#every === 0)) this.#hook();
  }

  #finishLast(): void {
    if (this.#last === null) return;
    const { step, sightings } = this.#last;
    this.#last = null;
    const record = Promise.all(sightings.map((sighting) => this.#read(sighting))).then((layers) => ({ step, layers }));
    // Whoever takes it is told.
    record.catch(() => {});
    this.#records.push(record);
  }

  async #read({ module, input, output, squares }: Sighting): Promise<WatchedLayer> {
    // Asked for together: a device answers them together.
    const summaries = [input.read(), output.read()];
    const norm = squares === null ? null : normOf(squares);
    const [before, after] = (await Promise.all(summaries)).map(distributionOf);
    const gradientNorm = norm === null ? null : finite(await norm);
    const layer = this.#names.get(module) ?? "";
    return { layer, module: String(module), input: before, output: after, gradientNorm };
  }
}

const where = "watch(model, { every, bins, range })";

function checkBins(bins: number): number {
  if (checkCount(where, "bins", bins) <= 4096) return bins;
  throw new ArgumentError({
    where,
    expected: "bins to be at most 4096",
    received: String(bins),
    cure: "Correct bins.",
  });
}

function checkLimits(range: WatchOptions["range"]): readonly [number, number] | null {
  if (range === null || range === undefined) return null;
  const [low, high] = range;
  if (Number.isFinite(low) && Number.isFinite(high) && low < high) return [low, high];
  throw new ArgumentError({
    where,
    expected: "range to be two finite numbers, the lower first, or null",
    received: shown(range),
    cure: "Pass e.g. range: [-4, 4].",
  });
}

function squaresOf(dy: Tensor): Tensor {
  const total = empty("watch", dy.backend, [], 8).persist();
  dy.backend.sumSquares([{ block: dy.block, length: dy.size }], total.block);
  return total;
}

async function normOf(squares: Tensor): Promise<number> {
  const [sum] = await squares.backend.readWide(squares.block, 1);
  squares.dispose();
  return Math.sqrt(sum);
}

/**
 * Watches what layers are given and what they give while a model trains: mean, deviation, dead channels and a histogram
 * before and behind each norm and activation, and the norm of the gradient that comes back. It looks at each `every`-th
 * forward pass in training mode (evaluations in between are passed over), changes nothing in training, and reads the
 * values on the backend, in one pass of one kernel for each tensor.
 *
 * A layer that is listened to is not fused with the ReLU behind it; passes that are not looked at are as fast as ever.
 * On one thread a step of the CNN of `evenkeel train` at batch 64 takes 31 % longer with `every: 1`, and as good as
 * nothing with `every: 10` (`bench/watch.js`).
 *
 * @param model - a module that takes and gives a tensor
 * @throws ArgumentError if an option is out of range
 * @example
 * ```ts
 * const model = new Sequential(new Linear(4, 8), new BatchNorm(8), new ReLU(), new Linear(8, 2));
 * const samples = arrayDataset({ inputs: new Float32Array(64), shape: [4], labels: new Int32Array(16) });
 * const data = batches(samples, { batchSize: 8 });
 * const watcher = watch(model, { every: 2 });
 * await fit(model, data, { epochs: 2, optimizer: new Adam(model.parameters(), { lr: 0.01 }) });
 * const records = await watcher.stop();
 * records.map(({ step }) => step); // [0, 2]
 * records[0].layers.map(({ layer, module }) => `${layer}: ${module}`); // ["1: BatchNorm(8)", "2: ReLU()"]
 * ```
 */
export function watch(model: AnyModule, options: WatchOptions = {}): Watcher {
  checkOptions("watch(model)", options, { every: true, layers: true, bins: true, range: true });
  return new Watcher(model, options);
}
