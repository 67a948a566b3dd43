import { expect, test } from "vitest";
import type { StatisticsView } from "../../../src/backend/backend.js";
import { describeWebgpu, type Twin, type Twins } from "../../support/gpu.js";
import { normalValues } from "../../support/seeded.js";

const views: Record<string, StatisticsView> = {
  "batch norm of images": { outer: 3, kept: 5, inner: 100, repeat: 100, period: 5 },
  "batch norm of small images": { outer: 40, kept: 3, inner: 6, repeat: 6, period: 3 },
  "batch norm of rows": { outer: 700, kept: 37, inner: 1, repeat: 1, period: 37 },
  "batch norm of long channels": { outer: 2, kept: 2, inner: 20000, repeat: 20000, period: 2 },
  "layer norm": { outer: 1, kept: 9, inner: 130, repeat: 1, period: 130 },
  "layer norm of short rows": { outer: 1, kept: 50, inner: 7, repeat: 1, period: 7 },
  "group norm": { outer: 1, kept: 8, inner: 66, repeat: 33, period: 8 },
  "RMS norm": { outer: 1, kept: 9, inner: 130, repeat: 1, period: 130, centred: false },
};

const sizeOf = ({ outer, kept, inner }: StatisticsView): number => outer * kept * inner;

/** Moments on the device and by the oracle: within 3e-7 of the deviation, of M2, and equal counts. */
async function expectMoments(t: Twins, moments: Twin, tolerance = 5e-7): Promise<void> {
  const { actual, expected } = await t.wideResults(moments);
  for (let i = 0; i < actual.length; i += 3) {
    expect(actual[i]).toBe(expected[i]);
    if (!Number.isFinite(expected[i + 2])) {
      expect(actual[i + 1]).toBe(Number.NaN);
      expect(actual[i + 2]).toBe(Number.NaN);
      continue;
    }
    const deviation = Math.sqrt(expected[i + 2] / Math.max(1, expected[i]));
    expect(Math.abs(actual[i + 1] - expected[i + 1])).toBeLessThanOrEqual(tolerance * deviation);
    expect(Math.abs(actual[i + 2] - expected[i + 2])).toBeLessThanOrEqual(tolerance * expected[i + 2]);
  }
}

function momentsOf(t: Twins, values: Float32Array, view: StatisticsView, mask: Twin | null = null): [Twin, Twin] {
  const [x, moments] = [t.of(values), t.output(6 * view.kept)];
  t.call((backend, block) => backend.moments(block(x) as never, view, block(mask) as never, block(moments) as never));
  return [x, moments];
}

const hard: Record<string, (i: number, value: number) => number> = {
  "mean 10⁴": (_i, v) => 1e4 + v,
  "mean 10⁷": (_i, v) => 1e7 + v,
  "scale 10¹⁵": (_i, v) => 1e15 * v,
  "scale 10⁻¹⁵": (_i, v) => 1e-15 * v,
  "a first value far off": (i, v) => (i < 20 ? 1e6 : v),
  "a drift": (i, v) => v + i / 500,
};

describeWebgpu("norms", (twins) => {
  test.each(Object.keys(views))("%s", async (name) => {
    const view = views[name];
    const t = twins();
    const size = sizeOf(view);
    const [x, moments] = momentsOf(t, normalValues(size, 1, 3, 2), view);
    await expectMoments(t, moments);
    const dy = t.of(normalValues(size, 2));
    const bias = view.centred === false ? null : t.of(normalValues(view.period, 4));
    const weight = t.of(normalValues(view.period, 3, 1, 0.2));
    for (const rectifies of [false, true]) {
      const [y, dx] = [t.output(size), t.output(size)];
      const [dweight, dbias] = [t.output(view.period), bias === null ? null : t.output(view.period)];
      t.call((backend, block) => {
        const map = { weight: block(weight), bias: block(bias), eps: 1e-5, rectifies };
        backend.standardize(block(x), block(moments), view, map, block(y));
        backend.standardizeGradient(
          block(dy),
          block(x),
          block(moments),
          view,
          map,
          block(dx),
          block(dweight),
          block(dbias),
        );
      });
      await t.expectClose(y, 1e-6);
      await t.expectClose(dx, 1e-6);
      await t.expectClose(dweight, 1e-6);
      if (dbias !== null) await t.expectClose(dbias, 1e-6);
    }
  });

  test.each(Object.keys(hard))("exact at %s", async (name) => {
    const t = twins();
    for (const view of [views["batch norm of images"], views["batch norm of rows"], views["layer norm"]]) {
      const values = normalValues(sizeOf(view), 7).map((v, i) => hard[name](i, v));
      const [x, moments] = momentsOf(t, values, view);
      await expectMoments(t, moments);
      const y = t.output(values.length);
      const map = { weight: null, bias: null, eps: 0, rectifies: false };
      t.call((backend, block) => backend.standardize(block(x), block(moments), view, map, block(y)));
      await t.expectClose(y, 3e-6);
    }
  });

  test("equal values have M2 = 0, and what is not finite is found in its channel alone", async () => {
    const t = twins();
    const view = views["batch norm of images"];
    const values = new Float32Array(sizeOf(view)).fill(1234.567);
    values[120] = Number.NaN;
    values[710] = Number.POSITIVE_INFINITY;
    const [, moments] = momentsOf(t, values, view);
    const { actual } = await t.wideResults(moments);
    expect(Array.from(actual, (v) => Math.fround(v))).toEqual(
      [0, 1, 2, 3, 4].flatMap((k) =>
        k === 1 || k === 2 ? [300, Number.NaN, Number.NaN] : [300, Math.fround(1234.567), 0],
      ),
    );
  });

  test("masks", async () => {
    const t = twins();
    for (const view of [views["batch norm of images"], views["batch norm of rows"], views["layer norm"]]) {
      const size = sizeOf(view);
      const values = normalValues(size, 1, 50, 2);
      // The whole of index 2 is masked, and a NaN elsewhere.
      const mask = Float32Array.from(values, (_v, i) =>
        Math.floor(i / view.inner) % view.kept === 2 || i % 3 === 0 ? 0 : 1,
      );
      values[3] = Number.NaN;
      const [, moments] = momentsOf(t, values, view, t.of(mask));
      await expectMoments(t, moments);
    }
  });

  test("a given mean and variance", async () => {
    const t = twins();
    for (const view of [views["batch norm of images"], views["batch norm of rows"], views["group norm"]]) {
      const size = sizeOf(view);
      const [x, dy] = [t.of(normalValues(size, 1, 3, 2)), t.of(normalValues(size, 2))];
      const [mean, variance] = [t.of(normalValues(view.kept, 3)), t.of(normalValues(view.kept, 4).map(Math.exp))];
      const [weight, bias] = [t.of(normalValues(view.period, 5)), t.of(normalValues(view.period, 6))];
      const [y, dx, dweight, dbias] = [t.output(size), t.output(size), t.output(view.period), t.output(view.period)];
      t.call((backend, block) => {
        const map = { weight: block(weight), bias: block(bias), eps: 1e-3, rectifies: true };
        const given = [block(mean), block(variance)] as const;
        backend.normalizeWith(block(x), ...given, view, map, block(y));
        backend.normalizeWithGradient(
          block(dy),
          block(x),
          ...given,
          view,
          map,
          block(dx),
          block(dweight),
          block(dbias),
        );
      });
      for (const twin of [y, dx, dweight, dbias]) await t.expectClose(twin, 1e-6);
    }
  });

  test("sums of ranks, averages of samples", async () => {
    const t = twins();
    const view = views["batch norm of images"];
    const size = sizeOf(view);
    const [x, moments] = momentsOf(t, normalValues(size, 1, 3, 2), view);
    const [dy, weight] = [t.of(normalValues(size, 2)), t.of(normalValues(5, 3))];
    const [sums, dx, dweight, dbias] = [t.output(20), t.output(size), t.output(5), t.output(5)];
    const averaged = t.output(6);
    t.call((backend, block) => {
      const map = { weight: block(weight), bias: null, eps: 1e-5, rectifies: true };
      backend.standardizeGradientSums(block(dy), block(x), block(moments), view, map, block(sums));
      const gradients = [block(dx), block(dweight), block(dbias)] as const;
      backend.standardizeGradientFromSums(block(dy), block(x), block(moments), view, map, block(sums), ...gradients);
      backend.averageMoments(block(moments), 5, 1, block(averaged));
    });
    for (const twin of [dx, dweight, dbias]) await t.expectClose(twin, 1e-6);
    const { actual, expected } = await t.wideResults(averaged);
    for (let i = 0; i < 3; i++) expect(actual[i] / expected[i]).toBeCloseTo(1, 6);
  });

  test.each([
    ["warms up", [3, 0, 0], 0.99, true],
    ["warm", [5, 1, 0], 0.9, false],
    ["cumulative", [4, 0, 0], -1, false],
    ["beyond 2²⁴", [2 ** 24, 0, 1], 0.9, false],
  ] as const)("running statistics, %s", async (_name, counts, momentum, warmsUp) => {
    const t = twins();
    for (const broken of [Number.NaN, 2.5]) {
      const moments = t.wide(Float64Array.from([10, 1e4 + 1 / 3, 30, 0, 0, 0, 1, -2, 4, 10, broken, 8]));
      const [mean, variance] = [t.of(normalValues(4, 1)), t.of(normalValues(4, 2))];
      const counters = t.of(Float32Array.from(counts));
      t.call((backend, block) =>
        backend.updateRunning(
          block(moments),
          4,
          block(mean),
          block(variance),
          block(counters),
          momentum,
          true,
          warmsUp,
        ),
      );
      await t.expectClose(mean, 1e-7);
      await t.expectClose(variance, 2e-7);
      await t.expectEqual(counters);
    }
  });

  test("variances", async () => {
    const t = twins();
    const moments = t.wide(Float64Array.from([10, 1, 30, 0, 0, 0, 7, -2, 4, 1, 3, 0]));
    const variance = t.output(4);
    t.call((backend, block) => backend.variances(block(moments), 4, block(variance)));
    await t.expectClose(variance, 1e-6);
  });

  test("renorm factors", async () => {
    const t = twins();
    const moments = t.wide(Float64Array.from([10, 1, 30, 0, 0, 0, 7, -2, 4]));
    const [mean, variance] = [t.of(normalValues(3, 1)), t.of(Float32Array.of(1, 2, 0.01))];
    const [counters, r, d] = [t.of(Float32Array.of(30, 0, 0)), t.output(3), t.output(3)];
    const limits = { rmax: 3, dmax: 5, start: 10, rmaxAt: 50, dmaxAt: 25 };
    t.call((backend, block) => {
      const running = [block(mean), block(variance), block(counters)] as const;
      backend.renormFactors(block(moments), 3, ...running, 1e-5, limits, block(r), block(d));
    });
    await t.expectClose(r, 1e-6);
    await t.expectClose(d, 1e-6);
  });
});
