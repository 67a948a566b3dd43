import { type Moments, mergeMoments, momentsAt } from "../../moments.js";
import type { Summaries } from "../backend.js";
import { f32, f64 } from "./memory.js";
import { normalization } from "./normalization.js";

const { fround } = Math;

/** What values are like. */
export const summaries: Summaries<ArrayBuffer> = {
  summarize(x, view, { range, bins, counted }, summary) {
    const { outer, kept, inner } = view;
    const values = f32(x);
    const moments = new ArrayBuffer(24 * kept);
    normalization.moments(x, { ...view, repeat: inner, period: kept }, null, moments);
    const channels = new Float64Array(6 * kept);
    for (let k = 0; k < kept; k++) {
      let [least, largest, zeros] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
      for (let o = 0; o < outer; o++) {
        for (let i = (o * kept + k) * inner; i < (o * kept + k + 1) * inner; i++) {
          if (values[i] < least) least = values[i];
          if (values[i] > largest) largest = values[i];
          if (values[i] === 0) zeros++;
        }
      }
      channels.set([...f64(moments).subarray(3 * k, 3 * k + 3), least, largest, zeros], 6 * k);
    }
    const [low, high] = range ?? ownRange(channels);
    const counts = new Float64Array(bins + 2);
    const scale = high > low ? fround(bins / (high - low)) : 0;
    for (let i = 0; i < counted; i++) {
      const bin = Math.floor(fround(fround(values[i] - fround(low)) * scale));
      if (values[i] > fround(high)) counts[bins + 1]++;
      else if (!Number.isNaN(values[i])) counts[Math.max(0, Math.min(bins, bin + 1))]++;
    }
    f64(summary).set([low, high, counts[0], counts[bins + 1], ...counts.subarray(1, bins + 1), ...channels]);
  },
};

/** From mean − 4 deviations to mean + 4 deviations of all values, as far as there are values. */
function ownRange(channels: Float64Array): [low: number, high: number] {
  let [least, largest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let whole: Moments = { count: 0, mean: 0, m2: 0 };
  for (let at = 0; at < channels.length; at += 6) {
    if (channels[at] === 0) continue;
    whole = mergeMoments(whole, momentsAt(channels, at));
    least = Math.min(least, channels[at + 3]);
    largest = Math.max(largest, channels[at + 4]);
  }
  const { count, mean, m2 } = whole;
  const width = 4 * Math.sqrt(m2 / Math.max(count, 1));
  return [Math.max(least, mean - width), Math.min(largest, mean + width)];
}
