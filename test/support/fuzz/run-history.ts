import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataError, Sequential } from "evenkeel";
// A run's folder and its report have no public name: the command line alone makes them.
import { report } from "../../../src/cli/runs/report.js";
import { RunFolder } from "../../../src/cli/runs/run-folder.js";
import type { Training } from "../../../src/cli/runs/training.js";
import { damagedJson, damagedText } from "./mutate.js";
import { target } from "./target.js";

const spread = [0, 1, 2, 3, 4];
const history = [
  { kind: "step", step: 0, loss: 2, accuracy: 0.5, lr: 0.1, gradientNorm: 1 },
  { kind: "step", step: 1, loss: 1, accuracy: 0.75, lr: 0.1, gradientNorm: 2 },
  {
    kind: "norms",
    step: 1,
    layers: [
      {
        layer: "1: BatchNorm(2)",
        weight: spread,
        bias: null,
        batchMean: spread,
        batchVariance: spread,
        runningMean: spread,
        runningVariance: spread,
      },
    ],
  },
  {
    kind: "histograms",
    step: 1,
    layers: [{ layer: "1: BatchNorm(2)", before: { range: [-1, 1], counts: [1, 2, 3] }, after: null }],
  },
];
const metrics = [
  { epoch: 0, steps: 2, loss: 1, accuracy: 0.75, seconds: 1, test: { loss: 1, accuracy: 0.5, samples: 4 } },
];

/** The parts of a run that its report reads. */
const training = {
  model: new Sequential(),
  data: { length: 1 },
  stepsPerEpoch: 1,
  epochs: 2,
  meta: { training: { lr: 0.1 } },
  summary: "a network",
  examine: () => Promise.resolve(null),
} as unknown as Training;

const folder = mkdtempSync(join(tmpdir(), "evenkeel-fuzz-"));

type Logs = Readonly<Record<"history.jsonl" | "metrics.jsonl", string>>;

/** The lines from which a resumed run makes its report. */
export const runHistory = target<Logs>({
  name: "history of a run",
  sizeOf: (logs) => Object.values(logs).join("").length,
  make(draw) {
    const damaged = draw === null ? { history, metrics } : damagedJson(draw, { history, metrics });
    const lines = (records: unknown): string =>
      [records]
        .flat()
        .map((line) => (draw === null ? `${JSON.stringify(line)}\n` : `${damagedText(draw, line)}\n`))
        .join("");
    return { "history.jsonl": lines(damaged.history), "metrics.jsonl": lines(damaged.metrics) };
  },
  async read(logs) {
    const path = join(folder, "run");
    const run = new RunFolder(path);
    const lengths: Record<string, number> = {};
    for (const [name, text] of Object.entries(logs)) {
      writeFileSync(join(path, name), text);
      lengths[name] = Buffer.byteLength(text);
    }
    run.resume(lengths);
    let warning: string | undefined;
    const listener = report(
      training,
      run,
      1,
      (line) => {
        warning = line;
      },
      () => {},
    );
    try {
      await listener.finish?.([{ norm: "1", mean: 0.1, deviation: 0.2 }]);
    } finally {
      listener.close?.();
      run.close();
      rmSync(path, { recursive: true });
    }
    // What a run only warns of counts as refused.
    if (warning !== undefined) {
      throw new DataError({ where: path, expected: "a history", received: warning, cure: "None." });
    }
  },
});
