// What folding gains on two TF.js models that nobody here made: norms folded, difference, size, and time per inference
//   in TF.js. npm ci --prefix test/peers && npm run build && node bench/tfjs-fold.js # prints the table node
//   bench/tfjs-fold.js --write # and puts it into bench/README.md node bench/tfjs-fold.js --rounds 3 --backends wasm #
//   a look
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { foldTfjs, tfjsWeightPaths, toTfjsArtifacts } from "../dist/formats/tfjs/index.js";

const { values: flags } = parseArgs({
  options: {
    write: { type: "boolean", default: false },
    rounds: { type: "string", default: "9" },
    backends: { type: "string", default: "wasm,cpu" },
  },
});
const rounds = Number(flags.rounds);
const backends = flags.backends.split(",");

const peers = join(import.meta.dirname, "../test/peers");
const require = createRequire(join(peers, "package.json"));
const tf = require("@tensorflow/tfjs");
require("@tensorflow/tfjs-backend-wasm").setThreadsCount(1);

/** The files of a model of nsfwjs, which has them as scripts. */
function nsfwModel(name) {
  const folder = join(peers, "node_modules/nsfwjs/dist/models", name);
  const model = new TextEncoder().encode(JSON.stringify(require(join(folder, "model.min.js"))));
  const shards = tfjsWeightPaths(model).map((path) => {
    const script = readFileSync(join(folder, `${path.replace(/\.bin$/, "")}.min.js`), "utf8");
    return [path, Uint8Array.from(Buffer.from(/exports="([^"]*)"/.exec(script)[1], "base64"))];
  });
  return { model, shards: Object.fromEntries(shards) };
}

const bytesOf = ({ model, shards }) => Object.values(shards).reduce((sum, one) => sum + one.length, model.length);

/** Milliseconds of one prediction on a backend, the medians; models take turns. */
async function time(backend, list, size) {
  await tf.setBackend(backend);
  const models = [];
  for (const files of list) {
    models.push(await tf.loadLayersModel(tf.io.fromMemory({ ...toTfjsArtifacts(files), trainingConfig: undefined })));
  }
  const x = tf.tensor(
    Float32Array.from({ length: 3 * size * size }, (_, i) => Math.sin(i * i)),
    [1, size, size, 3],
  );
  const times = list.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [k, model] of models.entries()) {
      const start = performance.now();
      const y = model.predict(x);
      await y.data();
      y.dispose();
      if (round > 0) times[k].push(performance.now() - start);
    }
  }
  for (const one of [x, ...models]) one.dispose();
  return times.map((one) => one.sort((a, b) => a - b)[Math.floor(one.length / 2)].toFixed(1)).join(" → ");
}

const lines = [
  `${cpus()[0].model}, Node ${process.versions.node}, TF.js ${tf.version.tfjs}, ${new Date().toISOString().slice(0, 10)}, one thread, medians of ${rounds}`,
  "",
  `| model | folded | left | relative difference | bytes | ${backends.map((name) => `ms, ${name}`).join(" | ")} |`,
  `| --- | --- | --- | --- | --- | ${backends.map(() => "---").join(" | ")} |`,
];
for (const [name, size] of [
  ["mobilenet_v2", 224],
  ["inception_v3", 299],
]) {
  const files = nsfwModel(name);
  await tf.setBackend("wasm");
  const { files: after, folded, left, verification } = await foldTfjs(files, { tf, dequantize: true });
  const times = [];
  for (const backend of backends) times.push(await time(backend, [files, after], size));
  const difference = verification.maxRelative.toExponential(1);
  const sizes = `${bytesOf(files)} → ${bytesOf(after)}`;
  lines.push(`| ${[name, folded.length, left.length, difference, sizes, ...times].join(" | ")} |`);
}
console.log(lines.join("\n"));
if (flags.write) {
  const path = join(import.meta.dirname, "README.md");
  const [before, , rest] = readFileSync(path, "utf8").split(/<!-- \/?tfjs-fold -->/);
  writeFileSync(path, `${before}<!-- tfjs-fold -->\n${lines.join("\n")}\n<!-- /tfjs-fold -->${rest}`);
}
