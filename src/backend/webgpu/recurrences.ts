import type { MatrixProduct } from "../backend.js";
import { type Recurrence, type RecurrenceInput, type Recurrences, stepsOf } from "../recurrences.js";
import { elementwise, groupsFor } from "./elementwise.js";
import { matrixProducts } from "./gemm.js";
import type { GpuBlock } from "./memory.js";
import type { Recorder } from "./recorder.js";
import { kernels } from "./shaders.generated.js";

/** The steps from the last computed to the first. */
function backwards(recurrence: Recurrence): (readonly [number, number])[] {
  return [...stepsOf(recurrence)].reverse();
}

/** Recurrences: for each step a product and a kernel. */
export function recurrences(gpu: Recorder): Recurrences<GpuBlock> {
  const { gemm } = matrixProducts(gpu);
  const { fill, binary } = elementwise(gpu);

  /** weight·h + bias of all rows. */
  function innerOf(
    h: GpuBlock,
    { weight, bias }: RecurrenceInput<GpuBlock>,
    inner: GpuBlock,
    { rows, width }: Recurrence,
    gates: number,
  ): void {
    const product: MatrixProduct = { m: rows, n: gates * width, k: width, transposeA: false, transposeB: true };
    gemm(h, weight, bias, inner, product);
  }

  /** Working memory of several sizes, in values. */
  function scratches(sizes: readonly number[], use: (...blocks: GpuBlock[]) => void, taken: GpuBlock[] = []): void {
    const [values, ...rest] = sizes;
    if (values === undefined) use(...taken);
    else gpu.scratch(4 * Math.max(1, values), (block) => scratches(rest, use, [...taken, block]));
  }

  /** The product of the slopes of a step's gates with the weight: what reaches the state before it. */
  function outerOf(slopes: GpuBlock, weight: GpuBlock, product: GpuBlock, { rows, width }: Recurrence, gates: number) {
    gemm(slopes, weight, null, product, {
      ...{ m: rows, n: width, k: gates * width, transposeA: false, transposeB: false },
    });
  }

  function add(a: GpuBlock, b: GpuBlock, y: GpuBlock, length: number): void {
    binary("add", a, b, y, { extents: [length], aStrides: [1], bStrides: [1] });
  }

  return {
    lstm(input, cell, states, activated, recurrence) {
      const { steps, rows, width } = recurrence;
      const size = rows * width;
      scratches([size, size, 4 * size], (h, c, inner) => {
        gpu.move(input.hidden, h, 0, 4 * size);
        gpu.move(cell, c, 0, 4 * size);
        for (const [step] of stepsOf(recurrence)) {
          innerOf(h, input, inner, recurrence, 4);
          const blocks = { gates: input.gates, inner, mask: input.mask, states, activated, h, c };
          gpu.run(kernels.lstmStep, groupsFor(size), blocks, { step, steps, rows, width }, {});
        }
      });
    },

    lstmGradient({ activated, states, weight, mask }, cell, dstates, dgates, dhidden, dcell, recurrence) {
      const { steps, rows, width } = recurrence;
      const size = rows * width;
      scratches([size, 2 * size, 4 * size], (product, carried, slopes) => {
        fill(product, size, 0);
        fill(carried, 2 * size, 0);
        for (const [step, before] of backwards(recurrence)) {
          const blocks = { activated, states, mask, cell, dstates, product, carried, slopes };
          gpu.run(kernels.lstmStepGradient, groupsFor(size), blocks, { step, before, steps, rows, width }, {});
          gpu.move(slopes, dgates, 16 * step * size, 16 * size);
          outerOf(slopes, weight, product, recurrence, 4);
        }
        add(product, carried, dhidden, size);
        gpu.move(carried, dcell, 0, 4 * size, 4 * size);
      });
    },

    gru(input, states, activated, recurrence) {
      const { rows, width } = recurrence;
      const size = rows * width;
      scratches([size, 3 * size], (h, inner) => {
        gpu.move(input.hidden, h, 0, 4 * size);
        for (const [step] of stepsOf(recurrence)) {
          innerOf(h, input, inner, recurrence, 3);
          const blocks = { gates: input.gates, inner, mask: input.mask, states, activated, h };
          gpu.run(kernels.gruStep, groupsFor(size), blocks, { step, rows, width }, {});
        }
      });
    },

    gruGradient({ activated, states, weight, mask, hidden }, dstates, dgates, dinner, dhidden, recurrence) {
      const { rows, width } = recurrence;
      const size = rows * width;
      scratches([size, size, 6 * size], (product, carried, slopes) => {
        fill(product, size, 0);
        fill(carried, size, 0);
        for (const [step, before] of backwards(recurrence)) {
          const blocks = { activated, states, mask, hidden, dstates, product, carried, slopes };
          gpu.run(kernels.gruStepGradient, groupsFor(size), blocks, { step, before, rows, width }, {});
          gpu.move(slopes, dinner, 12 * step * size, 12 * size);
          gpu.move(slopes, dgates, 12 * step * size, 12 * size, 12 * size);
          outerOf(slopes, weight, product, recurrence, 3);
        }
        add(product, carried, dhidden, size);
      });
    },
  };
}
