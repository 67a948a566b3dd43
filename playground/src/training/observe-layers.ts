import type { Module } from "evenkeel";
import type { HiddenLayer } from "./build-network.js";

/** The values that histograms show; what lies beyond is counted apart. */
export const histogramRange: readonly [low: number, high: number] = [-4, 4];
const bins = 64;
/** A unit whose outputs over a batch differ by less is dead: it tells the next layer nothing about the sample. */
const deadSpread = 0.001;

/** How values are spread. */
export interface Distribution {
  readonly mean: number;
  readonly deviation: number;
  /** Shares of the values in 64 bins of equal width over {@link histogramRange}. */
  readonly shares: Float32Array;
  /** Shares below and above the range. */
  readonly below: number;
  readonly above: number;
}

/** One hidden layer at one step. */
export interface LayerView {
  /** What comes out of the weights. */
  readonly before: Distribution;
  /** What goes into the activation: the same, if nothing normalises. */
  readonly after: Distribution;
  /** The share of units whose output is the same for every sample of the batch; NaN for a batch of one. */
  readonly dead: number;
  /** The 15th, 50th and 85th percentile of what goes into the first unit's activation (Ioffe & Szegedy 2015, figure 1). */
  readonly quantiles: readonly [low: number, middle: number, high: number];
}

/** Watches hidden layers for one forward pass. @returns a function that ends it and tells what was seen */
export function observeLayers(hidden: readonly HiddenLayer[]): () => LayerView[] {
  const seen = hidden.map(() => new Map<Module, Float32Array>());
  const release = hidden.flatMap(({ linear, norm, activation }, k) =>
    [linear, norm ?? linear, activation].map((layer) =>
      layer.onForward((_, __, output) => void seen[k].set(layer, new Float32Array(output.dataSync()))),
    ),
  );
  return () => {
    for (const end of release) end();
    return hidden.map(({ linear, norm, activation }, k) => {
      const of = (layer: Module): Float32Array => seen[k].get(layer) ?? new Float32Array();
      const [units] = linear.weight.shape;
      const input = of(norm ?? linear);
      return {
        before: distributionOf(of(linear)),
        after: distributionOf(input),
        dead: deadShare(of(activation), units),
        quantiles: quantilesOf(input, units),
      };
    });
  };
}

/** How values are spread. */
export function distributionOf(values: Float32Array): Distribution {
  const [low, high] = histogramRange;
  const shares = new Float32Array(bins);
  const share = 1 / values.length;
  let [below, above, sum] = [0, 0, 0];
  for (const value of values) {
    sum += value;
    const bin = Math.floor(((value - low) / (high - low)) * bins);
    if (bin < 0) below += share;
    else if (bin < bins) shares[bin] += share;
    else above += share;
  }
  const mean = sum * share;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares * share), shares, below, above };
}

function deadShare(output: Float32Array, units: number): number {
  const samples = output.length / units;
  if (samples < 2) return Number.NaN;
  let dead = 0;
  for (let unit = 0; unit < units; unit++) {
    let [least, most] = [output[unit], output[unit]];
    for (let k = unit; k < output.length; k += units) {
      least = Math.min(least, output[k]);
      most = Math.max(most, output[k]);
    }
    if (most - least < deadSpread) dead++;
  }
  return dead / units;
}

function quantilesOf(values: Float32Array, units: number): [number, number, number] {
  const sorted = Float32Array.from({ length: values.length / units }, (_, k) => values[k * units]).sort();
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const below = Math.floor(place);
    const above = Math.min(sorted.length - 1, below + 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  };
  return [at(0.15), at(0.5), at(0.85)];
}
