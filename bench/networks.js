// What the networks by name learn in minutes: each is trained on Fashion-MNIST, padded to 32×32, for so many steps, and
// tested on the first images of the test set. `unet` scores pixels: it is trained to name the garment at each pixel
// that shows one.
//   npm run build && node bench/networks.js [--steps 300] [--batch 32] [--test 1000] [name…]
//   node bench/networks.js --write                  # and puts the table into docs/networks.md
//   node bench/networks.js --steps 2 --batch 8 --test 100      # does it run at all? two minutes
// Prints a JSON line for each network, and a Markdown table at the end. Equal flags give equal accuracies, on any
// machine.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import {
  Adam,
  arrayDataset,
  batches,
  evaluate,
  fit,
  Generator,
  oneCycleLr,
  onWarning,
  seed,
  setBackend,
} from "../dist/index.js";
import * as named from "../dist/networks/index.js";
import { loadData } from "../dist/node/index.js";

/** By name. */
const networks = { ...named };

setBackend("wasm");
onWarning(() => {});
const [inner, side, classes, ignored] = [28, 32, 10, -100];

const words = process.argv.slice(2).filter((word) => word !== "--write");
function option(name, initially) {
  const at = words.indexOf(`--${name}`);
  return at < 0 ? initially : Number(words.splice(at, 2)[1]);
}
const steps = option("steps", 300);
const batchSize = option("batch", 32);
const tested = option("test", 1000);
/** The highest rate of each; others 0.002. Those without batch norm take less. */
const rates = { vitTiny: 0.0005, convnextTiny: 0.0005, nfnet: 0.001 };
const names = [
  ...["mobilenetV3Small", "mobilenetV2", "vitTiny", "unet", "resnet18", "efficientnetB0", "resnet34"],
  ...["densenet121", "nfnet", "resnet50", "convnextTiny"],
].filter((name) => words.length === 0 || words.includes(name));

const { train, test } = await loadData("fashion-mnist");

/** Images in the middle of larger ones, with their labels; or with those of each pixel. */
function padded(dataset, rows, ofPixels) {
  const { inputs, targets } = dataset.batch(rows);
  const values = new Float32Array(rows.length * side * side);
  const labels = new Int32Array(values.length).fill(ignored);
  const border = (side - inner) / 2;
  for (let n = 0; n < rows.length; n++)
    for (let y = 0; y < inner; y++)
      for (let x = 0; x < inner; x++) {
        const value = inputs.values[(n * inner + y) * inner + x];
        const at = (n * side + y + border) * side + x + border;
        values[at] = value;
        if (value > 0) labels[at] = targets[n];
      }
  const shape = [1, side, side];
  return ofPixels
    ? arrayDataset({ inputs: values, shape, labels, labelShape: [side, side] })
    : arrayDataset({ inputs: values, shape, labels: targets });
}

const drawn = new Generator(1).permutation(train.length).slice(0, steps * batchSize);
const rows = Array.from(drawn);
const firsts = Array.from({ length: tested }, (_, k) => k);

const lines = [];
for (const name of names) {
  seed(1);
  const ofPixels = name === "unet";
  const model = networks[name]({ inputShape: [1, side, side], classes });
  const parameters = model.parameters().reduce((total, { size }) => total + size, 0);
  const data = batches(padded(train, rows, ofPixels), { batchSize });
  const lr = rates[name] ?? 0.002;
  const optimizer = new Adam(model.parameters(), { lr });
  const started = performance.now();
  await fit(model, data, {
    epochs: 1,
    optimizer,
    schedule: oneCycleLr(lr),
    ...(name === "nfnet" ? { adaptiveClip: { factor: 0.01 } } : {}),
  });
  const seconds = (performance.now() - started) / 1000;
  const { accuracy } = await evaluate(model, batches(padded(test, firsts, ofPixels), { batchSize: 100 }));
  console.log(JSON.stringify({ name, parameters, steps, batchSize, lr, seconds, accuracy }));
  lines.push(
    `| \`${name}\` | ${parameters.toLocaleString("en")} | ${Math.round(seconds)} | ${(100 * accuracy).toFixed(1)} |`,
  );
  for (const parameter of model.parameters()) parameter.dispose();
}
const text = [
  "| network | parameters | seconds | accuracy, % |",
  "| --- | ---: | ---: | ---: |",
  ...lines,
  "",
  `${steps} steps of ${batchSize} images, tested on ${tested} · ${cpus()[0]?.model.trim() ?? "unknown processor"}, Node ${process.versions.node}, threads: ${process.env.EVENKEEL_THREADS ?? "all"}, ${new Date().toISOString().slice(0, 10)} · \`node bench/networks.js --write\``,
].join("\n");
console.log(`\n${text}`);

if (process.argv.includes("--write")) {
  const place = new URL("../docs/networks.md", import.meta.url);
  const markers = ["<!-- accuracies: written by `node bench/networks.js --write` -->", "<!-- end of accuracies -->"];
  const page = readFileSync(place, "utf8");
  const [start, end] = markers.map((marker) => page.indexOf(marker));
  if (start < 0 || end < 0)
    throw new Error(`docs/networks.md: expected ${markers.join(" and ")}. Put them where the table goes.`);
  writeFileSync(place, `${page.slice(0, start)}${markers[0]}\n\n${text}\n\n${page.slice(end)}`);
}
