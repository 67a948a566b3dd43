import { type AnyModule, type Distribution, quantiles, type Tensor, type WatchedLayer, watch } from "evenkeel";
import type { Network } from "./build-network.js";
import { histogramRange } from "./histogram-range.js";

/** A unit whose outputs over a batch differ by less is dead: it tells the next layer nothing about the sample. */
const deadSpread = 0.001;

/** One hidden layer at one step. */
export interface LayerView {
  /** What comes out of the weights. */
  readonly before: Distribution;
  /** What goes into the activation: the same, if nothing normalises. */
  readonly after: Distribution;
  /** The share of units whose output is the same for every sample of the batch; NaN for a batch of one. */
  readonly dead: number;
  /**
   * The 15th, 50th and 85th percentile of what goes into the first unit's activation (Ioffe & Szegedy 2015, figure 1).
   */
  readonly quantiles: readonly [low: number, middle: number, high: number];
}

/**
 * Looks at modules while `body` takes `model` through one forward pass in training mode; all histograms range over
 * {@link histogramRange}.
 */
export async function watchPass<T>(
  model: AnyModule,
  modules: readonly AnyModule[],
  body: () => T,
): Promise<{ result: T; layers: readonly WatchedLayer[] }> {
  const watcher = watch(model, { layers: (module) => modules.includes(module), bins: 64, range: histogramRange });
  try {
    const result = body();
    const [{ layers }] = await watcher.take();
    return { result, layers };
  } finally {
    await watcher.stop();
  }
}

/** Looks at the hidden layers of a network while `body` takes it through one forward pass in training mode. */
export async function observeLayers<T>(
  { model, hidden }: Network,
  body: () => T,
): Promise<{ result: T; layers: readonly LayerView[] }> {
  const units: Pick<LayerView, "dead" | "quantiles">[] = [];
  const release = hidden.map(({ activation }) =>
    activation.onForward((_, input: Tensor, output: Tensor) => {
      units.push({ dead: deadShareOf(output), quantiles: quantilesOf(input) });
    }),
  );
  try {
    const modules = hidden.flatMap(({ linear, activation }) => [linear, activation]);
    const { result, layers } = await watchPass(model, modules, body);
    return {
      result,
      layers: units.map((own, k) => ({ before: layers[2 * k].output, after: layers[2 * k + 1].input, ...own })),
    };
  } finally {
    for (const end of release) end();
  }
}

function deadShareOf(output: Tensor): number {
  const [samples, units] = output.shape;
  if (samples < 2) return Number.NaN;
  const values = output.dataSync();
  let dead = 0;
  for (let unit = 0; unit < units; unit++) {
    let [least, most] = [values[unit], values[unit]];
    for (let k = unit; k < values.length; k += units) {
      least = Math.min(least, values[k]);
      most = Math.max(most, values[k]);
    }
    if (most - least < deadSpread) dead++;
  }
  return dead / units;
}

function quantilesOf(input: Tensor): [low: number, middle: number, high: number] {
  const [samples, units] = input.shape;
  const values = input.dataSync();
  const first = Float32Array.from({ length: samples }, (_, k) => values[k * units]);
  const [low, middle, high] = quantiles(first, [0.15, 0.5, 0.85]);
  return [low, middle, high];
}
