import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";

const examples = join(import.meta.dirname, "../examples");

afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs an example, and returns what it prints. */
async function run(name: string): Promise<string[]> {
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((...values) => lines.push(values.join(" ")));
  await import(`../examples/${name}.ts`);
  return lines;
}

function lengthOf(name: string): number {
  return readFileSync(join(examples, `${name}.ts`), "utf8")
    .trimEnd()
    .split("\n").length;
}

test("a module of one's own trains in at most 40 lines", async () => {
  const [trained, state] = await run("custom-module");
  const [, accuracy, low, high] = /^accuracy (\S+); β from (\S+) to (\S+)$/.exec(trained)?.map(Number) ?? [];
  expect(accuracy).toBeGreaterThan(0.95);
  expect(low).toBeLessThan(1);
  expect(high).toBeGreaterThan(1);
  expect(state).toBe("0.weight, 0.bias, 1.beta, 2.weight, 2.bias");
  expect(lengthOf("custom-module")).toBeLessThanOrEqual(40);
});

test("a loss of one's own ignores outliers in at most 40 lines", async () => {
  const [line] = await run("custom-loss");
  const [, atZero, atHalf] = /^f\(0\) = (\S+), f\(0.5\) = (\S+)$/.exec(line)?.map(Number) ?? [];
  expect(Math.abs(atZero - 1)).toBeLessThan(0.3);
  expect(Math.abs(atHalf - 2.5)).toBeLessThan(0.3);
  expect(lengthOf("custom-loss")).toBeLessThanOrEqual(40);
});

test("signals are told apart by one-dimensional convolutions with batch norm", async () => {
  const lines = await run("signal-classifier");
  const [, accuracy] = /^accuracy on unseen signals: (\S+)$/.exec(lines[5])?.map(Number) ?? [];
  expect(accuracy).toBeGreaterThan(0.95);
});

test("a transformer with RMS norm learns what single characters do not tell, and goes on with the rhyme", async () => {
  const [losses, rhyme] = await run("char-transformer");
  const [, entropy, loss] = /^entropy of single characters (\S+), loss (\S+)$/.exec(losses)?.map(Number) ?? [];
  expect(entropy).toBeGreaterThan(2.5);
  expect(loss).toBeLessThan(0.5);
  expect(rhyme).toMatch(/^This is the cow with the crumpled horn that tossed /);
});
