import { expect, test } from "vitest";
import { limitOf, markdownTable, summarise } from "../../bench/report.js";
import { agrees } from "../../bench/runner.js";

const rounds = (...times: number[]) => times.map((ms) => ({ ms, min: ms, repetitions: 9, check: [] }));

test("a run as a table: fastest and median, how many times as long as ours, or why there is no time", () => {
  const table = markdownTable({
    date: "2026-01-02T03:04:05.000Z",
    command: "npm run bench",
    machine: { cpu: "A processor", cores: 2, node: "v20.1.0" },
    settings: { rounds: 3, budgetMs: 500, limitMs: 45_000, threads: 1 },
    peers: {
      evenkeel: { title: "Evenkeel", version: "0.1.0", threads: 1 },
      jax: { title: "jax-js", version: "0.1.25", threads: 1 },
      tfjs: { title: "TF.js", missing: "not there" },
    },
    cases: [
      {
        id: "lstm",
        title: "LSTM",
        limitMs: 2,
        results: {
          evenkeel: summarise(rounds(5, 3, 4)),
          jax: summarise(rounds(30, 1234, 20)),
          tfjs: { unsupported: "no loop" },
        },
      },
      { id: "copy", title: "copy", results: { jax: summarise(rounds(12_345)) } },
    ],
    disagreements: ["LSTM: jax-js computes something else than Evenkeel."],
  });
  expect(table).toMatchInlineSnapshot(`
    "**1 thread** · A processor, 2 cores, Node 20.1.0 · 2026-01-02 ·
    \`npm run bench\`

    | ms | Evenkeel<br>0.1.0<br>1 thread | jax-js<br>0.1.25<br>1 thread | TF.js | limit |
    | --- | --- | --- | --- | --- |
    | LSTM | 3.00 (4.00) | 20.0 (30.0) **6.67×** | no loop | 2.00 **1.50×** |
    | copy | – | 12.3 s | – | – |

    LSTM: jax-js computes something else than Evenkeel."
  `);
});

test("the limit of a case is that of copies or of multiply-adds, as the run has measured them", () => {
  const rows = [
    { id: "copy-2", title: "", results: { evenkeel: summarise(rounds(3)), pytorch: summarise(rounds(2)) } },
    { id: "multiply-adds", title: "", results: { evenkeel: summarise(rounds(8)) } },
  ];
  const work = { id: "a", title: "", kind: "norm", params: {} };
  expect(limitOf({ ...work, copies: { of: "copy-2", count: 1.5 } }, rows, 1)).toBe(3);
  expect(limitOf({ ...work, multiplyAdds: 512 ** 3 / 2 }, rows, 2)).toBe(2);
  expect(limitOf(work, rows, 1)).toBeUndefined();
});

test("results agree within 10⁻³ of their root mean square, matched from the last", () => {
  expect(agrees([[0.5, 2]], [[0.5015, 2]])).toBe(true);
  expect(agrees([[0.5, 2]], [[0.503, 2]])).toBe(false);
  expect(agrees([[0.5, 2]], [[0.5, 2.01]])).toBe(false);
  const gradients: [number, number][] = [[0.1, 1], [0.2, 1]]; // biome-ignore format: pairs
  expect(agrees(gradients, [[9, 1], ...gradients])).toBe(true);
  expect(agrees(gradients, [...gradients, [9, 1]])).toBe(false);
  expect(agrees([], gradients)).toBe(false);
});
