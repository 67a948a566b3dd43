import { Linear, SpectralNorm, type Tensor, tensor, WeightNorm } from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend, onGpu } from "../../support/backends.js";
import { relativeError } from "../../support/close.js";
import { normalValues } from "../../support/seeded.js";

const x = (): Tensor => tensor(normalValues(3 * 5, 4), [3, 5]);
const dy = normalValues(3 * 4, 5);

/**
 * A layer whose weights are multiples of the same ones, and what comes of it: outputs and gradients of the weight,
 * times the scale.
 */
function layerOf(values: ArrayLike<number>): Linear {
  const layer = new Linear(5, 4, { bias: false });
  layer.loadStateDict({ weight: tensor(Float32Array.from(values), [4, 5]) });
  return layer;
}

const scales = [1e-30, 1e-20, 1e20, 1e30];
/** Weights of which some, or their products, are beyond the normal numbers of float32. */
const scalesOfHosts = onGpu ? [] : [1e-37, 1e37];
const base = normalValues(20, 1);
const outlier = base.map((v, k) => (k % 5 === 2 ? 1e20 * v : v));

describeEachBackend("weights of any size", () => {
  test.each([...scales, ...scalesOfHosts])(
    "%d: spectral norm and its gradient are those of weights around 1",
    (scale) => {
      const result = (factor: number): [Float32Array, Float32Array] => {
        const norm = new SpectralNorm(layerOf(base.map((v) => v * factor)));
        const u = tensor([1, 2, -1, 0.5]).div(2.5);
        norm.loadStateDict({ ...norm.stateDict(), weight_u: u });
        const y = norm.forward(x());
        y.backward(dy);
        return [y.dataSync(), (norm.weight_orig.grad as Tensor).mul(factor).dataSync()];
      };
      const [y, gradient] = result(scale);
      const [expected, expectedGradient] = result(1);
      expect(relativeError(y, expected)).toBeLessThan(1e-5);
      expect(relativeError(gradient, expectedGradient)).toBeLessThan(1e-5);
    },
  );

  test.each(scales)("%d: weight norm and its gradient are those of weights around 1", (scale) => {
    const result = (factor: number): Float32Array[] => {
      const norm = new WeightNorm(layerOf(base.map((v) => v * factor)));
      const y = norm.forward(x());
      y.backward(Float32Array.from(dy));
      const { weight_g: g, weight_v: v } = norm;
      return [y.div(factor).dataSync(), g.div(factor).dataSync(), ...[g, v].map((t) => (t.grad as Tensor).dataSync())];
    };
    const expected = result(1);
    result(scale).forEach((values, k) => {
      expect(relativeError(values, expected[k])).toBeLessThan(1e-5);
    });
  });

  test("one weight of 1e20 beside others around 1", () => {
    const lengths = Array.from({ length: 4 }, (_, row) => Math.hypot(...outlier.slice(5 * row, 5 * row + 5)));
    const weight = new WeightNorm(layerOf(outlier));
    expect(relativeError(weight.weight_g.dataSync(), Float32Array.from(lengths))).toBeLessThan(1e-6);
    expect(relativeError(weight.toPlain().weight.dataSync(), Float32Array.from(outlier))).toBeLessThan(1e-6);
    const spectral = new SpectralNorm(layerOf(outlier));
    // All else is small beside that column, whose length is the singular value.
    const sigma = Math.hypot(...outlier.filter((_, k) => k % 5 === 2));
    const expected = Float32Array.from(outlier, (v) => v / sigma);
    expect(relativeError(spectral.toPlain().weight.dataSync(), expected)).toBeLessThan(1e-5);
  });
});
