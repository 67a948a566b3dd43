import { Generator } from "evenkeel";
import {
  chooseExperiments,
  type Experiment,
  experiments,
  Results,
  runStudy,
  type Trial,
  type TrialStore,
} from "evenkeel/study";
import { describe, expect, test } from "vitest";
import { expectRepeatable, smallStudyData } from "../support/study.js";

const data = smallStudyData(24, 20);

/** Trials that only count: condition `b` is 1 above `a`, give or take what the seed says. */
function counting(name: string, timeShare: number, ran: string[] = []): Experiment<{ value: number }> {
  return {
    name,
    title: name,
    sources: [],
    hypothesis: "",
    method: "",
    timeShare: { quick: timeShare, full: timeShare },
    trials: {
      name,
      async run(condition, seed) {
        ran.push(`${condition}${seed}`);
        return { value: (condition === "b" ? 1 : 0) + new Generator(seed).normal(0, 0.01) };
      },
    },
    conditions: () => ["a", "b"],
    questions: () => [
      {
        claim: "b is above a.",
        unit: "units",
        rule: { claim: "effect", smallest: 0.5 },
        effects: (results) => results.differences("b", "a", ({ value }) => value),
      },
    ],
    comparisons: () => [],
    figures: () => [],
  };
}

/** A store in memory in which every trial takes so long, whatever it took. */
function slowStore(seconds: number): TrialStore & { readonly trials: Map<string, Trial> } {
  const trials = new Map<string, Trial>();
  return { trials, find: (key) => trials.get(key), add: (trial) => trials.set(trial.key, { ...trial, seconds }) };
}

describe("a study", () => {
  test("runs each seed under each condition, and judges what differs between them", async () => {
    const ran: string[] = [];
    const [{ results, answers }] = await runStudy({ experiments: [counting("one", 1, ran)], data, seeds: 3 });
    expect(ran).toEqual(["a0", "b0", "a1", "b1", "a2", "b2"]);
    expect(results.seeds).toEqual([0, 1, 2]);
    expect(answers).toMatchObject([{ verdict: "reproduced", mean: expect.closeTo(1, 12) }]);
    expect(answers[0].effects).toHaveLength(3);
  });

  test("that was interrupted goes on after its last trial, and ends as one that never was", async () => {
    const whole = await runStudy({ experiments: [counting("one", 1)], data, seeds: 4 });
    const store = slowStore(1);
    const abort = new AbortController();
    const ran: string[] = [];
    const experiments = [counting("one", 1, ran)];
    const stopped = runStudy({
      experiments,
      data,
      seeds: 4,
      store,
      signal: abort.signal,
      onProgress: ({ done }) => {
        if (done === 3) abort.abort(new Error("stop"));
      },
    });
    await expect(stopped).rejects.toThrow("stop");
    expect(store.trials.size).toBe(4);
    const rest = await runStudy({ experiments, data, seeds: 4, store });
    expect(ran).toEqual(["a0", "b0", "a1", "b1", "a2", "b2", "a3", "b3"]);
    expect(rest[0].answers[0].effects).toEqual(whole[0].answers[0].effects);
  });

  test("adds seeds in pairs for as long as each experiment's share of the time lasts", async () => {
    const store = slowStore(10);
    const small = counting("small", 1);
    const large = counting("large", 3);
    const study = { experiments: [small, large], data, seconds: 400, store };
    await runStudy({ ...study, seeds: 30 });
    // A pair of seeds takes 40 s: 2 fit into the first 100 s, 8 into the 320 s that are left.
    const seeds = (await runStudy(study)).map(({ results }) => results.seeds.length);
    expect(seeds).toEqual([4, 16]);
    // Two seeds are always run.
    const least = await runStudy({ ...study, seconds: 1 });
    expect(least.map(({ results }) => results.seeds.length)).toEqual([2, 2]);
  });

  test("knows how long trials took, in comparison with others of the same seed", async () => {
    const trials = new Map<string, Trial>();
    const add = (trial: Trial) => trials.set(trial.key, { ...trial, seconds: trial.key.includes("b") ? 6 : 4 });
    const store: TrialStore = { find: (key) => trials.get(key), add };
    const experiments = [counting("one", 1)];
    await runStudy({ experiments, data, seeds: 2, store });
    const [{ results }] = await runStudy({ experiments, data, seeds: 2, store });
    expect([results.costs("b", "a"), results.costs("a", "a")]).toEqual([
      [1.5, 1.5],
      [1, 1],
    ]);
    expect(new Results([0], new Map([["a", [{ value: 1 }]]])).costs("a", "a")).toEqual([]);
  });

  test("counts a trial that two experiments share once", async () => {
    const store = slowStore(10);
    const first = counting("shared", 1);
    const second = { ...counting("second", 1), trials: first.trials };
    const study = { experiments: [first, second], data, seconds: 80, store };
    await runStudy({ ...study, seeds: 30 });
    // Two seeds of the first take its half of the time; they cost the second nothing, which adds two of its own.
    expect((await runStudy(study)).map(({ results }) => results.seeds.length)).toEqual([2, 4]);
  });

  test("tells how far it is, and how long it will take", async () => {
    const seen: (number | null)[] = [];
    const store = slowStore(10);
    const study = { experiments: [counting("one", 1), counting("two", 1)], data, seeds: 2, store };
    await runStudy(study);
    await runStudy({ ...study, onProgress: ({ secondsLeft }) => seen.push(secondsLeft) });
    expect(seen).toEqual([null, 70, 60, 50, 40, 30, 20, 10]);
  });

  test("refuses to run nothing, no seeds, and experiments it does not know", async () => {
    await expect(runStudy({ experiments: [], data })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: runStudy({ experiments }): expected at least one experiment, got none. Pass some of { experiments }.]`,
    );
    await expect(
      runStudy({ experiments: [counting("one", 1)], data, seeds: 0 }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: runStudy({ seeds }): expected seeds to be a whole number of at least 1, got 0. Correct seeds.]`,
    );
    expect(() => chooseExperiments(["gap", "gup"], "quick")).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: chooseExperiments(names): expected names of alive, faster, shift, batch, norms, gap, memory, place, linear, shifted, got gup. Leave the names out for all experiments of the budget.]`,
    );
  });

  test("of each budget has its experiments, and others by name", () => {
    const names = (...asked: string[]): string[] => chooseExperiments(asked, "quick").map(({ name }) => name);
    expect(names()).toEqual(["alive", "batch", "gap", "linear"]);
    expect(names("linear", "alive")).toEqual(["alive", "linear"]);
    expect(chooseExperiments([], "full")).toEqual(experiments);
  });
});

describe("an experiment", () => {
  test.each(["alive", "memory", "place", "linear", "shifted"])(
    "named %s gives finite numbers, the same for the same seed",
    (name) => expectRepeatable(name, data),
  );

  test("norms compares every norm with batch norm at batches of 2, 8 and 64", () => {
    const [norms] = chooseExperiments(["norms"], "quick");
    const conditions = norms.conditions("quick");
    expect(conditions.filter((condition) => condition.endsWith(", batch 2"))).toHaveLength(21);
    expect(conditions.filter((condition) => condition.startsWith("ghost"))).toEqual(["ghost, batch 64"]);
    const claims = norms.questions("quick").map(({ claim, rule }) => `${rule.claim} of ${rule.smallest}: ${claim}`);
    expect(claims.filter((claim) => claim.includes("with group than") || claim.includes("with group is"))).toEqual([
      "effect of 2: At batches of 2, the test error with group is lower than with batch norm.",
      "effect of 2: At batches of 8, the test error with group is lower than with batch norm.",
      "constancy of 2: At batches of 64, the test error with group is that of batch norm.",
    ]);
  });

  test("linear finds batch norm affine at inference, and not in training", async () => {
    const [{ answers }] = await runStudy({ experiments: chooseExperiments(["linear"], "quick"), data, seeds: 3 });
    expect(answers.map(({ verdict }) => verdict)).toEqual(["reproduced", "reproduced"]);
  });
});
