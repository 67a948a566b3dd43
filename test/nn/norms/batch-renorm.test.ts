import {
  BatchNorm,
  BatchRenorm,
  type BatchRenormOptions,
  loadModel,
  noGrad,
  onWarning,
  paperSchedule,
  relu,
  Sgd,
  saveModel,
  scope,
  type Tensor,
  tensor,
} from "evenkeel";
import fc from "fast-check";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { expectGradient, input } from "../../support/gradient.js";
import { normal, normalValues } from "../../support/seeded.js";

const wide = { schedule: null } as const;
const clip = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);

/** What Algorithm 1 computes of (N, C, S), and its gradients with r and d held, in float64. */
function reference(
  { x, weight, bias, dy }: Record<"x" | "weight" | "bias" | "dy", Float32Array>,
  [n, c, s]: [number, number, number],
  { mean, variance }: { mean: Float32Array; variance: Float32Array },
  { eps, rmax, dmax }: { eps: number; rmax: number; dmax: number },
) {
  const [y, dx] = [new Float64Array(x.length), new Float64Array(x.length)];
  const [dweight, dbias] = [new Float64Array(c), new Float64Array(c)];
  const statistics: [mean: number, variance: number][] = [];
  const clipped = { r: 0, d: 0 };
  for (let k = 0; k < c; k++) {
    const own = Array.from({ length: n * s }, (_, i) => (Math.floor(i / s) * c + k) * s + (i % s));
    const average = (term: (i: number) => number): number => own.reduce((sum, i) => sum + term(i), 0) / own.length;
    const mu = average((i) => x[i]);
    const batchVariance = average((i) => (x[i] - mu) ** 2);
    const batchDeviation = Math.sqrt(batchVariance + eps);
    const deviation = Math.sqrt(variance[k] + eps);
    const r = clip(batchDeviation / deviation, 1 / rmax, rmax);
    const d = clip((mu - mean[k]) / deviation, -dmax, dmax);
    clipped.r += Number(r === rmax || r === 1 / rmax);
    clipped.d += Number(Math.abs(d) === dmax);
    const xHat = (i: number): number => (x[i] - mu) / batchDeviation;
    const g = (i: number): number => dy[i] * weight[k] * r;
    const [meanG, meanGxHat] = [average(g), average((i) => g(i) * xHat(i))];
    for (const i of own) {
      y[i] = weight[k] * (xHat(i) * r + d) + bias[k];
      dx[i] = (g(i) - meanG - xHat(i) * meanGxHat) / batchDeviation;
      dweight[k] += dy[i] * (xHat(i) * r + d);
      dbias[k] += dy[i];
    }
    statistics.push([mu, batchVariance]);
  }
  return { y, dx, dweight, dbias, statistics, clipped };
}

/** A layer that has seen `batches` batches of mean about 0.5 and variance about 4. */
function settled(options: BatchRenormOptions = {}, batches = 20, features = 3): BatchRenorm {
  const norm = new BatchRenorm(features, { momentum: 0.8, warmUp: false, ...options });
  for (let k = 0; k < batches; k++) {
    noGrad(() => norm.forward(tensor(normalValues(8 * features, k, 0.5, 2), [8, features])));
  }
  return norm;
}

function running(norm: BatchRenorm | BatchNorm): { mean: Float32Array; variance: Float32Array } {
  const [mean, variance] = [norm.runningMean, norm.runningVar].map((t) => t?.dataSync() ?? new Float32Array());
  return { mean, variance };
}

describeEachBackend("BatchRenorm", () => {
  test.each([
    ["within its limits", 0.7, 1.5, { rmax: 10, dmax: 10 }, { r: 0, d: 0 }],
    ["with r at its limit", 0.5, 8, { rmax: 1.5, dmax: 10 }, { r: 3, d: 0 }],
    ["with d at its limit", 6, 1.5, { rmax: 10, dmax: 0.5 }, { r: 0, d: 3 }],
    ["with 1/r and −d at their limits", -9, 0.2, { rmax: 1.2, dmax: 1 }, { r: 3, d: 3 }],
  ])(
    "is Algorithm 1 in float64, gradients and running statistics included, %s",
    (_, mean, deviation, limits, clipped) => {
      for (const s of [1, 5]) {
        const norm = settled({ ...wide, ...limits });
        const before = running(norm);
        const x = normalValues(8 * 3 * s, 1, mean, deviation);
        const [weight, bias, dy] = [normalValues(3, 2), normalValues(3, 3), normalValues(x.length, 4)];
        norm.weight = tensor(weight, { requiresGrad: true });
        norm.bias = tensor(bias, { requiresGrad: true });
        const leaf = tensor(x, s === 1 ? [8, 3] : [8, 3, s], { requiresGrad: true });
        const expected = reference({ x, weight, bias, dy }, [8, 3, s], before, { eps: norm.eps, ...limits });
        expect(expected.clipped).toEqual(clipped);
        const y = norm.forward(leaf);
        y.backward(dy);
        expectClose(y.dataSync(), expected.y, 3e-6);
        expectClose(leaf.grad?.dataSync() ?? [], expected.dx, 3e-6);
        expectClose(norm.weight.grad?.dataSync() ?? [], expected.dweight, 3e-6);
        expectClose(norm.bias.grad?.dataSync() ?? [], expected.dbias, 3e-6);
        const after = running(norm);
        expectClose(
          after.mean,
          expected.statistics.map(([mu], k) => 0.8 * before.mean[k] + 0.2 * mu),
          1e-6,
        );
        expectClose(
          after.variance,
          expected.statistics.map(([, v], k) => 0.8 * before.variance[k] + 0.2 * v),
          1e-6,
        );
      }
    },
  );

  test("gradients match finite differences where r and d do not move", () => {
    // A batch far from the running statistics: both stand at their limits.
    const norm = settled({ ...wide, rmax: 1.25, dmax: 0.75 });
    norm.updateRunning = false;
    expectGradient(
      (x, weight, bias) => {
        norm.weight = weight;
        norm.bias = bias;
        return norm.forward(x);
      },
      [input([8, 3, 4], 1, (value) => 40 + 8 * value), input([3], 2), input([3], 3)],
      { step: 0.1 },
    );
    const plain = settled({ ...wide, rmax: 1.25, dmax: 0.75, affine: false });
    plain.updateRunning = false;
    expectGradient((x) => plain.forward(x), [input([8, 3], 4, (value) => 40 + 8 * value)], { step: 0.1 });
  });

  test("within its limits a training pass gives what evaluation gives", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.double({ min: -3, max: 3, noNaN: true }),
        fc.double({ min: 0.7, max: 3, noNaN: true }),
        (seed, mean, deviation) =>
          scope(() => {
            const norm = settled({ ...wide, rmax: 100, dmax: 100 });
            const x = tensor(normalValues(8 * 3 * 4, seed, mean, deviation), [8, 3, 4]);
            const expected = norm.eval().forward(x).dataSync();
            expectClose(norm.train().forward(x).dataSync(), expected, 1e-5);
          }),
      ),
      { numRuns: 25 },
    );
  });

  test("with rmax 1 and dmax 0, and up to the start of its schedule, it is batch norm", () => {
    for (const options of [{ ...wide, rmax: 1, dmax: 0 }, {}, { schedule: paperSchedule }]) {
      const [renorm, plain] = [new BatchRenorm(3, options), new BatchNorm(3)];
      for (let k = 0; k < 3; k++) {
        const x = tensor(normalValues(8 * 3 * 2, k, 5, 3), [8, 3, 2]);
        expect(renorm.forward(x).dataSync()).toEqual(plain.forward(x).dataSync());
      }
      expect(running(renorm)).toEqual(running(plain));
    }
  });

  test("limits widen along lines of the batches that were seen", () => {
    const schedule = { start: 10, rmaxAt: 30, dmaxAt: 20 };
    const limits = [
      [0, 1, 0],
      [10, 1, 0],
      [15, 1.5, 2],
      [20, 2, 4],
      [25, 2.5, 4],
      [30, 3, 4],
      [1e6, 3, 4],
    ];
    for (const [seen, rmax, dmax] of limits) {
      const norm = new BatchRenorm(1, { rmax: 3, dmax: 4, schedule, eps: 0 });
      norm.loadStateDict({ num_batches_tracked: tensor(seen) }, { strict: false });
      norm.updateRunning = false;
      // Mean 1000 and deviation 100, where the running ones are 0 and 1: both at their limits.
      expectClose(norm.forward(tensor([[900], [1100]])).dataSync(), [dmax - rmax, dmax + rmax], 1e-6);
    }
  });

  test("training resumes exactly, schedule included", () => {
    const schedule = { start: 2, rmaxAt: 8, dmaxAt: 6 };
    const step = (norm: BatchRenorm, k: number): Float32Array =>
      scope(() => {
        const sgd = new Sgd(norm.parameters(), { lr: 0.1 });
        const y = norm.forward(tensor(normalValues(8 * 2, k, 3, 2), [8, 2]));
        y.mul(normal([8, 2], 100 + k))
          .sum()
          .backward();
        sgd.step();
        sgd.zeroGrad();
        return y.dataSync();
      });
    const norm = new BatchRenorm(2, { rmax: 2, dmax: 1, schedule, momentum: 0.9 });
    for (let k = 0; k < 4; k++) step(norm, k);
    const { model } = loadModel(saveModel(norm));
    const resumed = model as unknown as BatchRenorm;
    expect(resumed.schedule).toEqual(schedule);
    for (let k = 4; k < 8; k++) expect(step(resumed, k)).toEqual(step(norm, k));
  });

  test("in evaluation it is the affine map that batch norm is, and batch statistics there are the batch's alone", () => {
    const [norm, plain] = [settled(), new BatchNorm(3)];
    plain.loadStateDict(norm.stateDict());
    const x = normal([4, 3], 9);
    expect(norm.eval().forward(x).dataSync()).toEqual(plain.eval().forward(x).dataSync());
    norm.normalizeWith = "batch";
    plain.normalizeWith = "batch";
    const before = onWarning(() => {});
    expect(norm.forward(x).dataSync()).toEqual(plain.forward(x).dataSync());
    onWarning(before);
  });

  test("freezes, and heeds momentum and eps that are changed later", () => {
    const norm = settled({ ...wide, rmax: 100, dmax: 100 });
    const x = normal([8, 3], 5);
    norm.eps = 0.5;
    const { mean, variance } = running(norm);
    const expected = (values: Float32Array): number[] =>
      [...values].map((value, i) => (value - mean[i % 3]) / Math.sqrt(variance[i % 3] + 0.5));
    norm.freeze().train();
    expectClose(norm.forward(x).dataSync(), expected(x.dataSync()), 1e-5);
    expect(running(norm)).toEqual({ mean, variance });
    norm.unfreeze();
    norm.momentum = 0.5;
    expectClose(norm.forward(x).dataSync(), expected(x.dataSync()), 1e-5);
    expectClose(
      running(norm).mean,
      x
        .mean(0)
        .dataSync()
        .map((value, k) => 0.5 * (mean[k] + value)),
      1e-5,
    );
  });

  test("takes a mask, whose zeros count in r and d no more than in the batch", () => {
    const [masked, plain] = [settled(wide), settled(wide)];
    const x = normalValues(8 * 3, 6, 2, 3);
    const padded = new Float32Array(10 * 3).fill(Number.NaN);
    padded.set(x);
    const mask = tensor([...new Float32Array(8).fill(1), 0, 0], [10, 1]);
    const y = masked.forward(tensor(padded, [10, 3]), { mask }).dataSync();
    expectClose(y.subarray(0, 24), plain.forward(tensor(x, [8, 3])).dataSync(), 1e-6);
    expect(y.subarray(24)).toEqual(new Float32Array(6));
    expectClose(running(masked).variance, running(plain).variance, 1e-6);
  });

  test("a relu in the same pass is the relu behind it", () => {
    const pass = (fused: boolean): (Float32Array | undefined)[] => {
      const norm = settled(wide);
      norm.weight = tensor([1, -2, 0.5], { requiresGrad: true });
      const x = normal([8, 3, 4], 6, { requiresGrad: true });
      const y = fused ? norm.forward(x, { activation: "relu" }) : relu(norm.forward(x));
      y.backward(normalValues(96, 7));
      return [y, x.grad, norm.weight.grad, norm.bias?.grad].map((t) => t?.dataSync());
    };
    expect(pass(true)).toEqual(pass(false));
  });

  test("a batch that is not finite leaves the running statistics alone", () => {
    const norm = settled(wide);
    const before = running(norm);
    const x = normalValues(8 * 3, 6);
    x[4] = Number.NaN;
    norm.forward(tensor(x, [8, 3]));
    expect(running(norm)).toEqual(before);
    expect(norm.skippedBatches).toBe(1);
  });

  test("what is out of range is refused, and says how to mend it", () => {
    const build = (options: BatchRenormOptions) => (): Tensor | BatchRenorm => new BatchRenorm(2, options);
    expect(() => new BatchRenorm(0)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new BatchRenorm(numFeatures): expected numFeatures to be a whole number of at least 1, got 0. Correct numFeatures.]`,
    );
    expect(build({ rmax: 0.5 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new BatchRenorm(numFeatures): expected rmax to be a finite number of at least 1, got 0.5. Pass e.g. rmax: 3.]`,
    );
    expect(build({ dmax: Number.POSITIVE_INFINITY })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new BatchRenorm(numFeatures): expected dmax to be a finite number of at least 0, got Infinity. Pass e.g. dmax: 2.]`,
    );
    expect(build({ schedule: { start: 10, rmaxAt: 5, dmaxAt: 20 } })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new BatchRenorm(numFeatures): expected a schedule of whole numbers of batches with 0 ≤ start ≤ rmaxAt, dmaxAt, or null, got {"start":10,"rmaxAt":5,"dmaxAt":20}. Pass e.g. schedule: { start: 500, rmaxAt: 4000, dmaxAt: 2500 }.]`,
    );
    expect(() => new BatchRenorm(2).forward(tensor([[1, 2]]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: BatchRenorm(2).forward(x): expected at least 2 values per channel for batch statistics, got 1 (shape 1×2). Use a batch of 2 or more, call eval() first, or normalise with GroupNorm or LayerNorm.]`,
    );
    const norm = new BatchRenorm(1, { eps: 0, momentum: 0.5 });
    norm.loadStateDict({ running_var: tensor([0]) }, { strict: false });
    expect(() => norm.forward(tensor([[1], [2]]))).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: BatchRenorm(1).forward(x): expected variance in every channel, since eps is 0, got none in channel 0. Set eps to a small positive number such as 1e-5.]`,
    );
    expect(String(norm)).toBe("BatchRenorm(1)");
  });
});
