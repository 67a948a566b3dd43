import { BatchNorm, InstanceNorm, LayerNorm, type Norm, onWarning, RmsNorm, setBackend, tensor } from "evenkeel";
import { describe, expect, test } from "vitest";
import { relativeError } from "../../support/close.js";
import { normalValues } from "../../support/seeded.js";

/** How kernels walk values, by shape and layer. */
const walks: [name: string, shape: number[], layer: () => Norm][] = [
  ["planes", [16, 3, 32, 32], () => new BatchNorm(3)],
  ["few channels", [8192, 5], () => new BatchNorm(5)],
  ["channels", [4096, 64], () => new BatchNorm(64)],
  ["planes of samples", [2, 2, 64, 64], () => new InstanceNorm(2)],
  ["rows", [8, 4096], () => new LayerNorm(4096)],
  ["rows without mean", [8, 4096], () => new RmsNorm(4096)],
];
const values: [name: string, of: (v: number, i: number) => number][] = [
  ["outliers of 10⁶ among values around 1", (v, i) => (i % 997 === 3 ? 1e6 * v : v)],
  ["one of 10⁶", (v, i) => (i === 1000 ? 1e6 : v)],
  ["mean 10⁴", (v) => 1e4 + v],
  ["mean 10⁷", (v) => 1e7 + 8 * Math.round(4 * v)],
];

describe.each(walks)("%s", (_, shape, layer) => {
  test.each(values)("%s: within 3·10⁻⁷ of float64", (_name, of) => {
    onWarning(() => {});
    const size = shape.reduce((product, extent) => product * extent, 1);
    const [x, dy] = [normalValues(size, 1).map(of), normalValues(size, 2)];
    const [exact, fast] = (["cpu", "wasm"] as const).map((backend) => {
      setBackend(backend);
      const norm = layer();
      const input = tensor(x, shape, { requiresGrad: true });
      const y = norm.forward(input);
      y.backward(dy);
      const running = norm instanceof BatchNorm ? [norm.runningMean, norm.runningVar] : [];
      return [y, input.grad, norm.weight?.grad, ...running].map((t) => t?.dataSync() ?? new Float32Array());
    });
    fast.forEach((one, k) => {
      // The sums dweight and mean, whose terms have both signs, are measured by what is left of them.
      expect(relativeError(one, exact[k])).toBeLessThan(k === 2 || k === 3 ? 5e-7 : 3e-7);
    });
  });
});
