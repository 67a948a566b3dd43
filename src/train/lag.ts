import { driftBetween, readStatistics } from "../graph/statistics/channel-statistics.js";
import type { AnyModule } from "../nn/module.js";
import { RecentStatistics } from "../nn/norms/recent-statistics.js";
import { RunningNorm } from "../nn/norms/running-norm.js";
import { warn } from "../warnings.js";

/** How far the running statistics of a norm lie from those of the latest batches of training. */
export interface NormLag {
  /** Its path, as in {@link Module.namedModules}. */
  readonly norm: string;
  /** RMS over the channels of (recent mean − running mean) / σ, with σ = √(recent variance + eps). */
  readonly mean: number;
  /** RMS over the channels of (σ − running σ) / σ. */
  readonly deviation: number;
}

/** Fewer batches than these say nothing of a lag. */
const fewestBatches = 10;
/** From here on accuracy suffered in experiments: see docs/numerics.md. */
const mostLag = 0.25;
/**
 * Independent batches that would vary as much as the average of the latest ones, whose weights fall by a third from one
 * to the next.
 */
const effectiveBatches = 5;

/** Measures the lag of running statistics: see {@link NormLag}. */
export class LagMeter {
  readonly #norms: readonly { readonly norm: string; readonly layer: RunningNorm; readonly recent: RecentStatistics }[];

  /** Follows the norms of a model whose running statistics move. */
  constructor(model: AnyModule) {
    this.#norms = model.namedModules().flatMap(([norm, layer]) => {
      if (!(layer instanceof RunningNorm) || !layer.updateRunning) return [];
      const recent = new RecentStatistics(layer.numFeatures);
      layer.followedBy(recent);
      return [{ norm, layer, recent }];
    });
  }

  /** The lag of each norm; none where too few batches were seen. */
  async read(): Promise<NormLag[]> {
    const found: NormLag[] = [];
    for (const { norm, layer, recent } of this.#norms) {
      const now = await recent.read();
      const running = await readStatistics(layer);
      if (running !== null && now.batches >= fewestBatches)
        found.push({ norm, ...driftBetween(running, now, layer.eps) });
    }
    return found;
  }

  /** Stops. */
  close(): void {
    for (const { layer, recent } of this.#norms) {
      layer.followedBy(null);
      recent.dispose();
    }
  }
}

/**
 * Warns where evaluation will not use what training did, beyond what the noise of batches of so many samples explains.
 */
export function warnOfLag(lags: readonly NormLag[], batchSize: number): void {
  const most = Math.max(mostLag, 1.5 / Math.sqrt(effectiveBatches * batchSize));
  const size = ({ mean, deviation }: NormLag): number => Math.max(mean, deviation);
  const late = lags.filter((lag) => size(lag) > most);
  if (late.length === 0) return;
  const worst = late.reduce((a, b) => (size(b) > size(a) ? b : a));
  const others = late.length === 1 ? "" : ` (${late.length} norms lag by more than ${most.toFixed(2)} σ)`;
  warn(
    `fit(model, data): the running statistics of ${worst.norm} lie ${size(worst).toFixed(2)} σ from those of the last batches${others}, so ` +
      "evaluation differs from training. Pass { recalibrate: 1000 }, lower the norms' momentum, or let the learning rate fall.",
  );
}
