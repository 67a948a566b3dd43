import { crossEntropy, fit, Generator, noGrad, onWarning, Sgd, scope, softmax, type Tensor, tensor } from "evenkeel";
import type { NetworkSettings } from "../settings.js";
import { accuracyOf } from "./accuracy.js";
import { buildNetwork, type Network } from "./build-network.js";
import type { Samples, TrainingData } from "./data-sets.js";
import { GpuTwin, type Pass } from "./gpu-twin.js";
import { History } from "./history.js";
import { type LayerView, observeLayers } from "./observe-layers.js";
import { ParameterTrace } from "./parameter-trace.js";
import { populationSize } from "./population-size.js";
import { StatisticsTrace } from "./statistics-trace.js";

const curveNames = ["step", "loss", "testLoss", "testAccuracy"] as const;
const layerNames = [
  "step",
  "meanBefore",
  "deviationBefore",
  "meanAfter",
  "deviationAfter",
  "dead",
  "gradientNorm",
  "low",
  "middle",
  "high",
] as const;

/** Curves of a network over training. */
export type CurveName = (typeof curveNames)[number];
/** Curves of one layer over training. */
export type LayerCurveName = (typeof layerNames)[number];

/** Steps between two measurements at first. */
const firstStride = 4;

/** One network in training: built from settings, equal settings and seeds going equal ways. */
export class Trainer {
  readonly settings: NetworkSettings;
  readonly data: TrainingData;
  readonly network: Network;
  readonly curves = new History(curveNames, firstStride);
  readonly layerCurves: readonly History<LayerCurveName>[];
  /** Batch, running and population means of a unit of each layer. */
  readonly statistics: StatisticsTrace;
  /** γ and β of each layer's norm. */
  readonly parameters: ParameterTrace;
  /** What the library refused, in its own words; training has ended then. */
  error: string | null = null;
  /** What the library warned of. */
  warning: string | null = null;
  /** The hidden layers as they were last measured. */
  layers: readonly LayerView[] = [];
  /** How many steps were made. */
  steps = 0;
  readonly #optimizer: Sgd;
  readonly #random: Generator;
  #order: Uint32Array = new Uint32Array();
  #place = 0;
  /** Takes the steps where a GPU does. */
  #twin: GpuTwin | null = null;
  /** Whether the network is what the twin has made of it. */
  #isFetched = true;

  /** @throws the library's error if it cannot build the network */
  constructor(settings: NetworkSettings, data: TrainingData, seed: number) {
    this.settings = settings;
    this.data = data;
    this.network = buildNetwork(settings, data, seed);
    const { learningRate: lr, momentum } = settings;
    this.#optimizer = new Sgd(this.network.model.parameters(), { lr, momentum });
    this.#random = new Generator(seed);
    this.layerCurves = this.network.hidden.map(() => new History(layerNames, firstStride));
    this.statistics = new StatisticsTrace(this.network.hidden, firstStride, settings.warmUp);
    this.parameters = new ParameterTrace(this.network.hidden, firstStride);
  }

  /** From now on a GPU takes the steps. @throws BackendError if `webgpu()` has not opened one */
  async moveToGpu(): Promise<void> {
    const { learningRate: lr, momentum } = this.settings;
    this.#twin = await GpuTwin.of(this.network.model, { lr, momentum });
  }

  /** Brings what the GPU has made of the network to where it can be looked at. */
  async fetch(): Promise<void> {
    if (this.#isFetched) return;
    await this.#twin?.pull();
    this.#isFetched = true;
  }

  /** Tells the GPU that the network was changed here. */
  changed(): void {
    this.#twin?.push();
  }

  /** One step; measures the network first if its turn has come. Does nothing once the library has refused. */
  async step(): Promise<void> {
    if (this.error !== null) return;
    const before = onWarning((text) => {
      this.warning = text;
    });
    try {
      await this.#step();
    } catch (error) {
      this.error = error instanceof Error ? error.message : String(error);
    } finally {
      onWarning(before);
    }
  }

  async #step(): Promise<void> {
    const batch = this.#nextBatch();
    const seen = this.curves.wants(this.steps) ? await this.#observe(batch) : null;
    const { loss, means } =
      this.#twin === null ? (seen ?? this.#watch(batch)) : await this.#twin.backward(batch, this.data.shape);
    this.statistics.remember(means);
    if (seen !== null) {
      this.#measure(seen.loss, seen.layers);
      this.#traceStatistics(seen.means);
    }
    if (!Number.isFinite(loss)) await this.#refuse(batch, loss);
    if (this.#twin === null) this.#optimizer.step();
    else this.#twin.step();
    this.#optimizer.zeroGrad();
    this.#isFetched = this.#twin === null;
    this.steps++;
  }

  /** A pass over a batch, here, with a look at the layers. */
  async #observe(batch: Samples): Promise<Pass & { readonly layers: readonly LayerView[] }> {
    await this.fetch();
    const { result, layers } = await observeLayers(this.network, () => this.#watch(batch));
    return { ...result, layers };
  }

  #watch(batch: Samples): Pass {
    const { result: loss, means } = this.statistics.watch(() => this.#backward(batch));
    return { loss, means };
  }

  /** @throws what the library says of the first layer that fails */
  async #refuse(batch: Samples, loss: number): Promise<never> {
    await this.fetch();
    this.#optimizer.zeroGrad();
    const inputs = { values: batch.inputs, shape: [batch.labels.length, ...this.data.shape] };
    await fit(this.network.model, [{ inputs, targets: batch.labels }], { epochs: 1, optimizer: this.#optimizer });
    throw new Error(`The loss is ${loss}.`);
  }

  /** Gradients of the mean loss over a batch. */
  #backward({ inputs, labels }: Samples): number {
    return scope(() => {
      const loss = crossEntropy(this.network.model.forward(this.#input(inputs)), labels);
      loss.backward();
      return loss.item();
    });
  }

  /** Compares the batch's means with those over all samples, by the same weights. */
  #traceStatistics(batch: readonly number[]): void {
    if (this.statistics.isEmpty) return;
    const { inputs, labels } = this.data.train;
    const population = inputs.subarray(0, (inputs.length / labels.length) * Math.min(populationSize, labels.length));
    const { means } = this.statistics.watch(() => this.predictInTraining(population));
    this.statistics.add(this.steps, batch, means);
  }

  /** The probability of each class for each sample, normalised as in training, by the samples' own statistics. */
  predictInTraining(inputs: Float32Array): Float32Array {
    const forward = (): Float32Array => softmax(this.network.model.forward(this.#input(inputs)), 1).dataSync();
    return this.statistics.forgetting(() => scope(() => noGrad(forward)));
  }

  #measure(loss: number, layers: readonly LayerView[]): void {
    this.layers = layers;
    this.parameters.add(this.steps);
    this.curves.add({ step: this.steps, loss, ...this.test() });
    layers.forEach(({ before, after, dead, quantiles: [low, middle, high] }, k) => {
      this.layerCurves[k].add({
        step: this.steps,
        meanBefore: before.mean ?? Number.NaN,
        deviationBefore: before.deviation ?? Number.NaN,
        meanAfter: after.mean ?? Number.NaN,
        deviationAfter: after.deviation ?? Number.NaN,
        dead,
        gradientNorm: normOf(this.network.hidden[k].linear.weight.grad),
        low,
        middle,
        high,
      });
    });
  }

  /** Loss and accuracy on points that training never sees. */
  test(): { testLoss: number; testAccuracy: number } {
    const { inputs, labels } = this.data.test;
    return this.#evaluating(() => {
      const logits = this.network.model.forward(this.#input(inputs));
      return { testLoss: crossEntropy(logits, labels).item(), testAccuracy: accuracyOf(logits.dataSync(), labels) };
    });
  }

  /** The probability of each class for each sample, as the network sees it at test time. */
  predict(inputs: Float32Array): Float32Array {
    return this.#evaluating(() => softmax(this.network.model.forward(this.#input(inputs)), 1).dataSync());
  }

  #evaluating<T>(body: () => T): T {
    const { model } = this.network;
    model.eval();
    try {
      return scope(() => noGrad(body));
    } finally {
      model.train();
    }
  }

  #input(values: Float32Array): Tensor {
    const size = this.data.shape.reduce((product, extent) => product * extent, 1);
    return tensor(values, [values.length / size, ...this.data.shape]);
  }

  /** The next so many samples of an endless row of shuffles, so that every batch is full. */
  #nextBatch(): Samples {
    const { inputs, labels } = this.data.train;
    const size = inputs.length / labels.length;
    const count = this.settings.batchSize;
    const batch = { inputs: new Float32Array(count * size), labels: new Int32Array(count) };
    for (let k = 0; k < count; k++) {
      if (this.#place === this.#order.length) {
        this.#order = this.#random.permutation(labels.length);
        this.#place = 0;
      }
      const sample = this.#order[this.#place++];
      batch.inputs.set(inputs.subarray(sample * size, (sample + 1) * size), k * size);
      batch.labels[k] = labels[sample];
    }
    return batch;
  }

  /** Frees what training holds. */
  dispose(): void {
    for (const parameter of this.network.model.parameters()) parameter.dispose();
    this.#twin?.dispose();
  }
}

function normOf(gradient: Tensor | null): number {
  return gradient === null ? 0 : Math.sqrt(gradient.dataSync().reduce((sum, value) => sum + value * value, 0));
}
