import { Generator } from "evenkeel";
import { bootstrapMean, judge, type Rule, type Verdict } from "evenkeel/study";
import { describe, expect, test } from "vitest";

/**
 * The share of synthetic studies that come to each verdict: paired differences of a true effect and of noise of
 * deviation 1.
 */
function verdicts(rule: Rule, effect: number, { seeds, noise = 1, studies = 100 }: Synthetic): Record<Verdict, number> {
  const generator = new Generator(20);
  const counts = { reproduced: 0, "not reproduced": 0, unclear: 0 };
  for (let study = 0; study < studies; study++) {
    const differences = Array.from({ length: seeds }, () => generator.normal(effect, noise));
    counts[judge(differences, rule).verdict] += 1 / studies;
  }
  return counts;
}

interface Synthetic {
  readonly seeds: number;
  readonly noise?: number;
  readonly studies?: number;
}

const effect: Rule = { claim: "effect", smallest: 1 };
const constancy: Rule = { claim: "constancy", smallest: 1 };

describe("the interval", () => {
  test.each([2, 4, 6, 10])("of %i seeds holds the true mean in about 95 of 100 studies", (seeds) => {
    const generator = new Generator(seeds);
    const studies = 200;
    let held = 0;
    for (let study = 0; study < studies; study++) {
      const { interval } = bootstrapMean(Array.from({ length: seeds }, () => generator.normal(3, 2)));
      if (interval !== null && interval[0] <= 3 && 3 <= interval[1]) held++;
    }
    // Its deviation over so many studies is 1.5 %; the widening is not exact for the fewest.
    expect(held / studies).toBeGreaterThan(0.9);
    expect(held / studies).toBeLessThan(0.985);
  });

  test("is the same for equal values, and moves and grows with them", () => {
    const values = [0.3, 1.2, 0.7, 2.1];
    const { mean, interval } = bootstrapMean(values);
    expect(bootstrapMean(values)).toEqual({ mean, interval });
    const moved = bootstrapMean(values.map((value) => 10 + 2 * value));
    expect(moved.mean).toBeCloseTo(10 + 2 * mean, 12);
    expect(moved.interval?.map((bound) => (bound - 10) / 2)).toEqual(
      interval?.map((bound) => expect.closeTo(bound, 12)),
    );
  });

  test("of equal values is a point, and of one value there is none", () => {
    expect(bootstrapMean([2, 2, 2])).toEqual({ mean: 2, interval: [2, 2] });
    expect(bootstrapMean([7])).toEqual({ mean: 7, interval: null });
    expect(judge([7], effect).verdict).toBe("unclear");
  });
});

describe("a claimed effect", () => {
  test("that is planted is found, if it is larger than the smallest of interest", () => {
    const found = verdicts(effect, 3, { seeds: 6 });
    expect(found.reproduced).toBeGreaterThan(0.9);
    expect(found["not reproduced"]).toBe(0);
  });

  test("that is not there is called not reproduced, and hardly ever reproduced", () => {
    const found = verdicts(effect, -1, { seeds: 6 });
    expect(found["not reproduced"]).toBeGreaterThan(0.9);
    expect(found.reproduced).toBe(0);
    expect(verdicts(effect, 0, { seeds: 6 }).reproduced).toBeLessThan(0.01);
  });

  test("that is there but too small to matter is not reproduced either", () => {
    expect(verdicts(effect, 0.3, { seeds: 40, studies: 50 })["not reproduced"]).toBeGreaterThan(0.9);
  });

  test("of exactly the smallest size is decided wrongly in at most 5 of 100 studies, either way", () => {
    const found = verdicts(effect, 1, { seeds: 6, studies: 200 });
    expect(found.reproduced).toBeLessThan(0.05);
    expect(found["not reproduced"]).toBeLessThan(0.05);
  });

  test("in too much noise is unclear, whether it is there or not", () => {
    for (const size of [0, 1, 2]) {
      expect(verdicts(effect, size, { seeds: 4, noise: 20 }).unclear).toBeGreaterThan(0.85);
    }
  });
});

describe("a claim that something stays constant", () => {
  test("is reproduced where it does, or nearly does", () => {
    for (const drift of [0, 0.3]) {
      const found = verdicts(constancy, drift, { seeds: 10, noise: 0.5 });
      expect(found.reproduced).toBeGreaterThan(0.9);
      expect(found["not reproduced"]).toBe(0);
    }
  });

  test("is not reproduced where it moves, in either direction", () => {
    for (const drift of [3, -3]) {
      const found = verdicts(constancy, drift, { seeds: 6 });
      expect(found["not reproduced"]).toBeGreaterThan(0.9);
      expect(found.reproduced).toBe(0);
    }
  });

  test("is not taken for shown because little was measured: in too much noise it is unclear", () => {
    const found = verdicts(constancy, 0, { seeds: 4, noise: 20 });
    expect(found.unclear).toBeGreaterThan(0.9);
    expect(found.reproduced).toBeLessThan(0.05);
  });

  test("that moves by exactly the bound is called constant in at most 5 of 100 studies", () => {
    expect(verdicts(constancy, 1, { seeds: 6, noise: 0.5, studies: 200 }).reproduced).toBeLessThan(0.05);
  });
});
