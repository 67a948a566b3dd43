// What watching costs: a training step without watch(), and with every: 1 and 10. The three take turns, so that a slow
//   minute hits all. npm run build && EVENKEEL_THREADS=1 node bench/watch.js
import { cpus } from "node:os";
import { Adam, arrayDataset, batches, cnn, fit, mlp, seed, watch } from "../dist/index.js";

const threads = process.env.EVENKEEL_THREADS ?? "all";
seed(1);
const shape = { inputShape: [1, 28, 28], classes: 10, norm: "batch" };
const cases = [
  ["CNN, batch 64", cnn(shape), 64],
  ["MLP 784-512-512-512-10, batch 128", mlp({ ...shape, widths: [512, 512, 512] }), 128],
];
const ways = [null, 1, 10];
const [rounds, steps] = [9, 20];

/** Milliseconds of a step. */
async function time(model, optimizer, data, every) {
  const start = performance.now();
  const watcher = every === null ? null : watch(model, { every });
  await fit(model, data, { epochs: 1, optimizer });
  await watcher?.stop();
  return (performance.now() - start) / steps;
}

console.log(
  `${cpus()[0].model}, threads: ${threads}, Node ${process.versions.node}, ` +
    `${new Date().toISOString().slice(0, 10)}; ms a step, medians of ${rounds} rounds of ${steps} steps`,
);
console.log("| network | without | every: 1 | | every: 10 | |");
console.log("| --- | --- | --- | --- | --- | --- |");
for (const [name, model, batchSize] of cases) {
  const inputs = Float32Array.from({ length: steps * batchSize * 784 }, (_, i) => Math.sin(i * i));
  const labels = Int32Array.from({ length: steps * batchSize }, (_, i) => i % 10);
  const data = batches(arrayDataset({ inputs, shape: [1, 28, 28], labels }), { batchSize });
  const optimizer = new Adam(model.parameters(), { lr: 1e-4 });
  const times = ways.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [k, every] of ways.entries()) {
      const ms = await time(model, optimizer, data, every);
      if (round > 0) times[k].push(ms);
    }
  }
  const [without, ...watched] = times.map((list) => list.sort((a, b) => a - b)[Math.floor(rounds / 2)]);
  const cells = watched.flatMap((ms) => [ms.toFixed(2), `+${(100 * (ms / without - 1)).toFixed(1)} %`]);
  console.log(`| ${[name, without.toFixed(2), ...cells].join(" | ")} |`);
}
