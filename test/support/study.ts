import { arrayDataset, currentSeed, Generator } from "evenkeel";
import { chooseExperiments, runStudy, type StudyData } from "evenkeel/study";
import { expect } from "vitest";

/** Images of 8×8 in ten classes, in noise. */
export function smallStudyData(train: number, test: number): StudyData {
  const generator = new Generator(6);
  const part = (length: number) =>
    arrayDataset({
      inputs: Float32Array.from({ length: 64 * length }, (_, k) => generator.normal(k % 10 === (k >> 6) % 10 ? 2 : 0)),
      shape: [1, 8, 8],
      labels: Array.from({ length }, (_, k) => k % 10),
    });
  return { train: part(train), test: part(test), inputShape: [1, 8, 8], classes: 10 };
}

/** Runs an experiment twice: finite numbers, the same for the same seed, and figures of them. */
export async function expectRepeatable(name: string, data: StudyData): Promise<void> {
  const chosen = chooseExperiments([name], "quick");
  const once = await runStudy({ experiments: chosen, data, seeds: 1 });
  expect(currentSeed()).toBe(0);
  const again = await runStudy({ experiments: chosen, data, seeds: 1 });
  const [{ experiment, results, answers }] = once;
  for (const condition of results.conditions) {
    const [measures] = results.measures(condition);
    expect(Object.values(measures).flat().every(Number.isFinite)).toBe(true);
    expect(again[0].results.measures(condition)).toEqual([measures]);
  }
  // One seed tells nothing of the spread.
  expect(answers.map(({ verdict }) => verdict)).toEqual(answers.map(() => "unclear"));
  for (const { ours } of experiment.comparisons(results)) expect(Number.isFinite(ours)).toBe(true);
  const figures = experiment.figures(results);
  expect(figures.length).toBeGreaterThan(0);
  const means = figures.flatMap((figure) =>
    figure.kind === "bars"
      ? figure.bars.map(([, { mean }]) => mean)
      : figure.curves.flatMap(({ points }) => points.map(([, { mean }]) => mean)),
  );
  expect(means.every(Number.isFinite)).toBe(true);
}
