import type { Normalization, Summaries } from "../backend.js";
import { splitWide } from "./blocks.js";
import { elementwise, groupsFor } from "./elementwise.js";
import type { GpuBlock } from "./memory.js";
import type { Recorder } from "./recorder.js";
import { kernels } from "./shaders.generated.js";

const whole = { LX: 1, LY: 256 };

/** What values are like. */
export function summaries(gpu: Recorder, { moments }: Pick<Normalization<GpuBlock>, "moments">): Summaries<GpuBlock> {
  const { fill } = elementwise(gpu);

  return {
    summarize(x, { outer, kept, inner }, { range, bins, counted }, summary) {
      const first = 4 + bins;
      gpu.scratch(24 * Math.max(1, kept), (scratch) => {
        moments(x, { outer, kept, inner, repeat: inner, period: kept }, null, scratch);
        const blocks = { x, moments: scratch, summary };
        gpu.run(kernels.summarizeShares, kept, blocks, { outer, kept, inner, first }, whole);
      });
      if (range === null) gpu.run(kernels.summarizeRange, 1, { summary }, { kept, first }, whole);
      else gpu.write(summary, 0, splitWide(Float64Array.from(range)).buffer as ArrayBuffer, 0, 16);
      gpu.scratch(4 * (bins + 2), (counts) => {
        fill(counts, bins + 2, 0);
        gpu.run(kernels.summarizeBins, groupsFor(counted), { x, summary, counts }, { counted, bins }, {});
        gpu.run(kernels.summarizeCounts, groupsFor(bins + 2), { counts, summary }, { bins }, {});
      });
    },
  };
}
