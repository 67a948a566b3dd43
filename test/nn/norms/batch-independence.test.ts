import { GroupNorm, InstanceNorm, LayerNorm, type Norm, RmsNorm, type Shape, scope, tensor } from "evenkeel";
import fc from "fast-check";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { normalValues } from "../../support/seeded.js";

const sizeOf = (shape: Shape): number => shape.reduce((size, extent) => size * extent, 1);

/** Norms of samples of a shape (C, …S), with at least 4 channels and 2 positions. */
const norms: Readonly<Record<string, (sample: Shape) => Norm>> = {
  "LayerNorm of the last axis": (sample) => new LayerNorm(sample[sample.length - 1]),
  "LayerNorm of a sample": (sample) => new LayerNorm(sample),
  "GroupNorm of 1": ([channels]) => new GroupNorm(1, channels),
  "GroupNorm of 2": ([channels]) => new GroupNorm(2, channels),
  InstanceNorm: ([channels]) => new InstanceNorm(channels),
  "RmsNorm of the last axis": (sample) => new RmsNorm(sample[sample.length - 1]),
  "RmsNorm of a sample": ([channels]) => new RmsNorm(channels, { channelsFirst: true }),
};

/** Values with whatever may stand in another sample. */
const company = fc.constantFrom(1, 0, 1e30, 1e-30, Number.NaN, Number.POSITIVE_INFINITY);

describeEachBackend("Whatever the rest of the batch", () => {
  test.each(Object.keys(norms))("%s gives a sample the same output and gradient", (name) => {
    const generator = fc.record({
      channels: fc.constantFrom(4, 6, 16),
      positions: fc.array(fc.integer({ min: 2, max: 9 }), { minLength: 1, maxLength: 3 }),
      others: fc.array(company, { minLength: 1, maxLength: 9 }),
      place: fc.nat(9),
      seed: fc.nat(1e6),
    });
    fc.assert(
      fc.property(generator, ({ channels, positions, others, place, seed }) =>
        scope(() => {
          const sample = [channels, ...positions];
          const norm = norms[name](sample);
          const size = sizeOf(sample);
          const own = { x: normalValues(size, seed, 3), dy: normalValues(size, seed + 1) };
          const pass = (values: Float32Array, cotangent: Float32Array): Float32Array[] => {
            const input = tensor(values, [values.length / size, ...sample], { requiresGrad: true });
            const y = norm.forward(input);
            y.backward(cotangent);
            return [y.dataSync(), input.grad?.dataSync() ?? new Float32Array(0)];
          };
          const at = (place % (others.length + 1)) * size;
          const x = new Float32Array(size * (others.length + 1));
          const dy = normalValues(x.length, seed + 20);
          others.forEach((scale, k) => {
            x.set(
              normalValues(size, seed + k + 2, 1, 2).map((v) => v * scale),
              k * size + (k * size < at ? 0 : size),
            );
          });
          x.set(own.x, at);
          dy.set(own.dy, at);
          const alone = pass(own.x, own.dy);
          expect(pass(x, dy).map((one) => one.slice(at, at + size))).toEqual(alone);
        }),
      ),
      { numRuns: 25 },
    );
  });
});
