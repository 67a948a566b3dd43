import type { AffineMap, Normalization, StatisticsView } from "../backend.js";
import { f32, f64 } from "./memory.js";

/** What turns x into x̂ = (x − mean)·scale, per kept index. */
interface Statistics {
  readonly mean: ArrayLike<number>;
  /** 1/√(variance + eps) */
  readonly scale: ArrayLike<number>;
}

/** The statistics of the batch itself. */
function fromMoments(moments: ArrayBuffer, kept: number, eps: number): Statistics {
  const values = f64(moments);
  const mean = new Float64Array(kept);
  const scale = new Float64Array(kept);
  for (let k = 0; k < kept; k++) {
    mean[k] = values[3 * k + 1];
    scale[k] = values[3 * k] === 0 ? 0 : 1 / Math.sqrt(values[3 * k + 2] / values[3 * k] + eps);
  }
  return { mean, scale };
}

/** Statistics given as f32, such as running ones. */
function fromGiven(mean: ArrayBuffer, variance: ArrayBuffer, kept: number, eps: number): Statistics {
  const variances = f32(variance);
  const scale = new Float64Array(kept);
  for (let k = 0; k < kept; k++) scale[k] = 1 / Math.sqrt(variances[k] + eps);
  return { mean: f32(mean), scale };
}

/** Calls `visit` with each flat element i, its kept index k and the index p of its parameter. */
function forEachElement(view: StatisticsView, visit: (i: number, k: number, p: number) => void): void {
  const { outer, kept, inner, repeat, period } = view;
  for (let i = 0; i < outer * kept * inner; i++) {
    visit(i, Math.floor(i / inner) % kept, Math.floor(i / repeat) % period);
  }
}

/** Σ term(i) over the flat elements i that share kept index k. */
function sumOver({ outer, kept, inner }: StatisticsView, k: number, term: (i: number) => number): number {
  let sum = 0;
  for (let o = 0; o < outer; o++) {
    const start = (o * kept + k) * inner;
    for (let i = start; i < start + inner; i++) sum += term(i);
  }
  return sum;
}

/** y = weight·x̂ + bias, or max(y, 0) */
function affine(
  x: ArrayBuffer,
  { mean, scale }: Statistics,
  view: StatisticsView,
  { weight, bias, rectifies }: AffineMap<ArrayBuffer>,
  y: ArrayBuffer,
): void {
  const input = f32(x);
  const weights = weight === null ? null : f32(weight);
  const biases = bias === null ? null : f32(bias);
  const output = f32(y);
  forEachElement(view, (i, k, p) => {
    const xHat = (input[i] - mean[k]) * scale[k];
    const value = (weights === null ? 1 : weights[p]) * xHat + (biases === null ? 0 : biases[p]);
    output[i] = rectifies ? Math.max(value, 0) : value;
  });
}

/** dy as it reaches the output of the map without its rectifier. */
function reaching(
  dy: ArrayBuffer,
  x: ArrayBuffer,
  statistics: Statistics,
  view: StatisticsView,
  map: AffineMap<ArrayBuffer>,
): ArrayBuffer {
  if (!map.rectifies) return dy;
  const y = new ArrayBuffer(dy.byteLength);
  affine(x, statistics, view, map, y);
  const output = f32(y);
  f32(dy).forEach((value, i) => {
    output[i] = value * (output[i] <= 0 ? 0 : 1);
  });
  return y;
}

/** dweight = Σ dy·x̂ and dbias = Σ dy over the elements of each parameter. */
function parameterGradients(
  dy: ArrayBuffer,
  x: ArrayBuffer,
  { mean, scale }: Statistics,
  view: StatisticsView,
  dweight: ArrayBuffer | null,
  dbias: ArrayBuffer | null,
): void {
  const cotangent = f32(dy);
  const input = f32(x);
  const weightSums = new Float64Array(view.period);
  const biasSums = new Float64Array(view.period);
  forEachElement(view, (i, k, p) => {
    weightSums[p] += cotangent[i] * (input[i] - mean[k]) * scale[k];
    biasSums[p] += cotangent[i];
  });
  if (dweight !== null) f32(dweight).set(weightSums);
  if (dbias !== null) f32(dbias).set(biasSums);
}

/** g = weight·dy, in float64. */
function weighted(dy: ArrayBuffer, view: StatisticsView, weight: ArrayBuffer | null): Float64Array {
  const cotangent = f32(dy);
  const weights = weight === null ? null : f32(weight);
  const g = new Float64Array(view.outer * view.kept * view.inner);
  forEachElement(view, (i, _k, p) => {
    g[i] = (weights === null ? 1 : weights[p]) * cotangent[i];
  });
  return g;
}

/** Normalisation. */
export const normalization: Normalization<ArrayBuffer> = {
  moments(x, view, mask, moments) {
    const input = f32(x);
    const result = f64(moments);
    const masks = mask === null ? null : f32(mask);
    for (let k = 0; k < view.kept; k++) {
      let first = Number.NaN;
      const sumOfReal = (term: (value: number) => number): number =>
        sumOver(view, k, (i) => (masks === null || masks[i] !== 0 ? term(input[i]) : 0));
      const count = sumOfReal((value) => {
        if (Number.isNaN(first)) first = value;
        return 1;
      });
      // Shifted by a value, so that the mean of equal values is that value and nothing is lost far from 0.
      const mean = view.centred === false || count === 0 ? 0 : first + sumOfReal((value) => value - first) / count;
      result[3 * k] = count;
      result[3 * k + 1] = mean;
      result[3 * k + 2] = sumOfReal((value) => (value - mean) * (value - mean));
    }
  },

  standardize(x, moments, view, map, y) {
    affine(x, fromMoments(moments, view.kept, map.eps), view, map, y);
  },

  standardizeGradient(dy, x, moments, view, map, dx, dweight, dbias) {
    const statistics = fromMoments(moments, view.kept, map.eps);
    const cotangent = reaching(dy, x, statistics, view, map);
    parameterGradients(cotangent, x, statistics, view, dweight, dbias);
    if (dx === null) return;
    const input = f32(x);
    const gradient = f32(dx);
    const g = weighted(cotangent, view, map.weight);
    const xHat = (i: number, k: number) => (input[i] - statistics.mean[k]) * statistics.scale[k];
    const meanG = new Float64Array(view.kept);
    const meanGxHat = new Float64Array(view.kept);
    for (let k = 0; k < view.kept; k++) {
      const count = f64(moments)[3 * k];
      if (view.centred !== false) meanG[k] = sumOver(view, k, (i) => g[i]) / count;
      meanGxHat[k] = sumOver(view, k, (i) => g[i] * xHat(i, k)) / count;
    }
    forEachElement(view, (i, k) => {
      gradient[i] = statistics.scale[k] * (g[i] - meanG[k] - xHat(i, k) * meanGxHat[k]);
    });
  },

  standardizeGradientSums(dy, x, moments, view, map, sums) {
    const statistics = fromMoments(moments, view.kept, map.eps);
    const cotangent = f32(reaching(dy, x, statistics, view, map));
    const input = f32(x);
    const result = f64(sums);
    for (let k = 0; k < view.kept; k++) {
      result[2 * k] = sumOver(view, k, (i) => cotangent[i]);
      result[2 * k + 1] = sumOver(view, k, (i) => cotangent[i] * (input[i] - statistics.mean[k]));
    }
  },

  standardizeGradientFromSums(dy, x, moments, view, map, sums, dx, dweight, dbias) {
    const { mean, scale } = fromMoments(moments, view.kept, map.eps);
    const given = f64(sums);
    for (let k = 0; k < view.kept; k++) {
      if (dweight !== null) f32(dweight)[k] = given[2 * k + 1] * scale[k];
      if (dbias !== null) f32(dbias)[k] = given[2 * k];
    }
    if (dx === null) return;
    const cotangent = f32(reaching(dy, x, { mean, scale }, view, map));
    const input = f32(x);
    const gradient = f32(dx);
    const counts = f64(moments);
    const weights = map.weight === null ? null : f32(map.weight);
    forEachElement(view, (i, k) => {
      const along = (input[i] - mean[k]) * scale[k] * scale[k] * given[2 * k + 1];
      const centred = cotangent[i] - (given[2 * k] + along) / counts[3 * k];
      gradient[i] = (weights === null ? 1 : weights[k]) * scale[k] * centred;
    });
  },

  normalizeWith(x, mean, variance, view, map, y) {
    affine(x, fromGiven(mean, variance, view.kept, map.eps), view, map, y);
  },

  normalizeWithGradient(dy, x, mean, variance, view, map, dx, dweight, dbias) {
    const statistics = fromGiven(mean, variance, view.kept, map.eps);
    const cotangent = reaching(dy, x, statistics, view, map);
    parameterGradients(cotangent, x, statistics, view, dweight, dbias);
    if (dx === null) return;
    const gradient = f32(dx);
    const g = weighted(cotangent, view, map.weight);
    forEachElement(view, (i, k) => {
      gradient[i] = g[i] * statistics.scale[k];
    });
  },

  variances(moments, kept, variance) {
    const values = f64(moments);
    for (let k = 0; k < kept; k++) f32(variance)[k] = values[3 * k + 2] / values[3 * k];
  },

  averageMoments(moments, samples, kept, averaged) {
    const given = f64(moments);
    const result = f64(averaged);
    for (let k = 0; k < kept; k++) {
      let [filled, count, sum, m2] = [0, 0, 0, 0];
      for (let i = 3 * k; i < 3 * samples * kept; i += 3 * kept) {
        filled += given[i] > 0 ? 1 : 0;
        count += given[i];
        sum += given[i] * given[i + 1];
        m2 += given[i + 2];
      }
      result.set([count / Math.max(filled, 1), sum / Math.max(count, 1), m2 / Math.max(filled, 1)], 3 * k);
    }
  },

  updateRunning(moments, kept, mean, variance, counters, momentum, unbiased, warmsUp) {
    const batch = f64(moments);
    const means = f32(mean);
    const variances = f32(variance);
    const counts = f32(counters);
    const batchVariance = (k: number) => {
      const count = batch[3 * k];
      return batch[3 * k + 2] / (unbiased && count > 1 ? count - 1 : count);
    };
    const filled = Array.from({ length: kept }, (_, k) => k).filter((k) => batch[3 * k] > 0);
    for (const k of filled) {
      if (!Number.isFinite(Math.fround(batch[3 * k + 1])) || !Number.isFinite(Math.fround(batchVariance(k)))) {
        counts[1] += 1;
        return;
      }
    }
    const seen = counts[0] + counts[2];
    const most = momentum < 0 ? seen / (seen + 1) : momentum;
    const old = warmsUp && momentum >= 0 ? Math.min(most, seen / (seen + 10)) : most;
    const moved = (running: number, value: number) => (old === 0 ? value : old * running + (1 - old) * value);
    for (const k of filled) {
      means[k] = moved(means[k], batch[3 * k + 1]);
      variances[k] = moved(variances[k], batchVariance(k));
    }
    const counted = seen + (filled.length > 0 ? 1 : 0);
    counts[0] = counted;
    counts[2] = counted - counts[0];
  },

  renormFactors(moments, kept, mean, variance, counters, eps, { rmax, dmax, start, rmaxAt, dmaxAt }, r, d) {
    const batch = f64(moments);
    const [seen] = f32(counters);
    const along = (end: number) => (seen >= end ? 1 : Math.max(0, (seen - start) / (end - start)));
    const clip = (value: number, least: number, most: number) => Math.min(Math.max(value, least), most);
    const largest = 1 + (rmax - 1) * along(rmaxAt);
    const furthest = dmax * along(dmaxAt);
    for (let k = 0; k < kept; k++) {
      const [count, batchMean, m2] = batch.subarray(3 * k);
      const deviation = Math.sqrt(f32(variance)[k] + eps);
      f32(r)[k] = count === 0 ? 1 : clip(Math.sqrt(m2 / count + eps) / deviation, 1 / largest, largest);
      f32(d)[k] = count === 0 ? 0 : clip((batchMean - f32(mean)[k]) / deviation, -furthest, furthest);
    }
  },
};
