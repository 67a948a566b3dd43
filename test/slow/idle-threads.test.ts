import { scope, setBackend, tensor, threads } from "evenkeel";
import { afterAll, expect, test } from "vitest";

afterAll(async () => {
  await threads(1);
});

const second = () => new Promise((resolve) => setTimeout(resolve, 1000));

/** Processor seconds of this process, all threads, in about a second in which nothing is asked of it. */
async function idleSeconds(): Promise<number> {
  const before = process.cpuUsage();
  await second();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

test("threads that have worked sleep when there is no work, and wake to the same bits", async () => {
  setBackend("wasm");
  const work = () =>
    scope(() =>
      tensor(new Float32Array(1 << 20).fill(0.1))
        .exp()
        .sum()
        .item(),
    );
  await threads(1);
  const alone = work();
  await threads(4);
  expect(work()).toBe(alone);
  await second();
  // Three threads that spun would take three, as far as there are processors, and never less than one.
  expect(await idleSeconds()).toBeLessThan(0.25);
  expect(work()).toBe(alone);
}, 20_000);
