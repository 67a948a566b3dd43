// What short trainings evaluate at, by the rule that moves the running statistics: the plain moving average, the
// warm-up that is the default, and both renewed by recalibrate(). MNIST, batches of 32, Adam.
//
//     node bench/running-statistics.js [seeds]     (2 unless told)
//
// Prints a JSON line for each training, and a Markdown table of the test accuracies at the end.
import {
  Adam,
  BatchNorm,
  batches,
  cnn,
  constantLr,
  cosineLr,
  evaluate,
  fit,
  onWarning,
  recalibrate,
  resnet,
  seed,
  setBackend,
  subset,
} from "evenkeel";
import { loadData } from "evenkeel/node";

setBackend("wasm");
onWarning(() => {});
const seeds = Number(process.argv[2] ?? 2);
const batchSize = 32;
const schedules = { constant: constantLr, cosine: cosineLr };
const runs = [
  ...[20, 100, 400].flatMap((steps) => ["constant", "cosine"].map((schedule) => ({ network: cnn, steps, schedule }))),
  { network: cnn, steps: 1200, schedule: "cosine" },
  ...[30, 100].flatMap((steps) => ["constant", "cosine"].map((schedule) => ({ network: resnet, steps, schedule }))),
];

const { train, test } = await loadData("mnist");
const measured = batches(
  subset(
    test,
    Array.from({ length: 1000 }, (_, k) => k),
  ),
  { batchSize: 500 },
);

async function training({ network, steps, schedule }, warmUp, number) {
  seed(number);
  const model = network({ inputShape: [1, 28, 28], classes: 10 });
  for (const [, module] of model.namedModules()) if (module instanceof BatchNorm) module.warmUp = warmUp;
  const part = subset(
    train,
    Array.from({ length: steps * batchSize }, (_, k) => (k + 1000 * number) % train.length),
  );
  const data = batches(part, { batchSize, shuffle: true });
  const optimizer = new Adam(model.parameters(), { lr: 0.01 });
  const { lag } = await fit(model, data, { epochs: 1, optimizer, schedule: schedules[schedule](0.01) });
  const { accuracy } = await evaluate(model, measured);
  const { norms } = await recalibrate(model, data, { mode: "batch", samples: 256 });
  const precise = await evaluate(model, measured);
  const worst = (lags) => Math.max(0, ...lags.map(({ mean, deviation }) => Math.max(mean, deviation)));
  return { accuracy, precise: precise.accuracy, lag: worst(lag), drift: worst(norms.map(({ drift }) => drift)) };
}

const rows = [];
for (const run of runs) {
  const cells = { plain: [], warm: [], precise: [], lag: [] };
  for (let number = 1; number <= seeds; number++) {
    for (const warmUp of [false, true]) {
      const found = await training(run, warmUp, number);
      console.log(JSON.stringify({ ...run, network: run.network.name, warmUp, seed: number, ...found }));
      cells[warmUp ? "warm" : "plain"].push(found.accuracy);
      if (warmUp) {
        cells.precise.push(found.precise);
        cells.lag.push(found.lag);
      }
    }
  }
  const text = (values) => values.map((value) => value.toFixed(2)).join(" ");
  const { plain, warm, precise, lag } = cells;
  rows.push(
    `| ${run.network.name} | ${run.steps} | ${run.schedule} | ${[plain, warm, precise, lag].map(text).join(" | ")} |`,
  );
}
console.log(
  "\n| network | steps | rate | plain | warm-up | recalibrated | lag, σ |\n| --- | --- | --- | --- | --- | --- | --- |",
);
console.log(rows.join("\n"));
