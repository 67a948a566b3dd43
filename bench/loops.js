// Time and memory of ordinary loops without scope(), each beside the same loop with everything disposed of by hand. The
// two take turns.
//   npm run build && EVENKEEL_THREADS=1 node bench/loops.js [name…]
import { cpus } from "node:os";
import * as evenkeel from "../dist/index.js";

const { Adam, cnn, convertNorm, crossEntropy, diagnose, evaluate, foldBatchNorm } = evenkeel;
const { GroupNorm, loadModel, memoryInUse, noGrad, onWarning, predict, recalibrate, saveModel, seed, tensor } =
  evenkeel;
const { exportOnnx, importOnnx } = await import("../dist/formats/onnx/index.js").catch(() => ({}));

seed(1);
// A network that was never trained will do.
onWarning(() => {});
const [rounds, steps, batch] = [7, 20, 64];
const settings = { inputShape: [1, 28, 28], classes: 10, norm: "batch" };
const values = Float32Array.from({ length: batch * 784 }, (_, i) => Math.sin(i * i));
const labels = Int32Array.from({ length: batch }, (_, i) => i % 10);
const model = cnn(settings);
const optimizer = new Adam(model.parameters(), { lr: 1e-4 });
const x = () => tensor(values, [batch, 1, 28, 28]);
const hostBatch = { inputs: { values, shape: [batch, 1, 28, 28] }, targets: labels };
const evaluated = cnn(settings).eval();
const bytes = saveModel(evaluated);

/** Each is given a function that disposes of what it is given, or does nothing. */
const loops = {
  training: async (done) => {
    const input = x();
    const logits = model.forward(input);
    const loss = crossEntropy(logits, labels);
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    await loss.data();
    done(input, logits, loss);
  },
  accumulation: async (done) => {
    for (let part = 0; part < 4; part++) {
      const input = x();
      const logits = model.forward(input);
      const loss = crossEntropy(logits, labels);
      loss.backward();
      await loss.data();
      done(input, logits, loss);
    }
    optimizer.step();
    for (const parameter of model.parameters()) parameter.grad = null;
  },
  prediction: async (done) => {
    const input = x();
    const output = await predict(evaluated, input);
    await output.data();
    done(input, output);
  },
  "forward by hand": async (done) => {
    const input = x();
    const output = noGrad(() => evaluated.forward(input));
    await output.data();
    done(input, output);
  },
  evaluation: async (done) => {
    const inputs = x();
    await evaluate(evaluated, [{ inputs, targets: labels }]);
    done(inputs);
  },
  hooks: async (done) => {
    const input = x();
    let sizes = 0;
    const stops = evaluated.layers.map((layer) => layer.onForward((_, __, y) => (sizes += y.size)));
    const output = noGrad(() => evaluated.forward(input));
    for (const stop of stops) stop();
    await output.data();
    done(input, output);
  },
  "models dropped": async (done) => {
    const made = cnn(settings);
    const input = x();
    const output = await predict(made, input);
    done(made, input, output);
  },
  "saveModel, loadModel": async (done) => {
    const { model: loaded } = loadModel(saveModel(evaluated));
    await loaded.parameters()[0].data();
    done(loaded);
  },
  foldBatchNorm: async (done) => {
    const { model: folded } = foldBatchNorm(evaluated);
    await folded.parameters()[0].data();
    done(folded);
  },
  convertNorm: async (done) => {
    const { model: own } = loadModel(bytes);
    const converted = convertNorm(own, (norm) => norm.numFeatures && new GroupNorm(1, norm.numFeatures));
    await own.parameters()[0].data();
    done(own, ...converted.map(({ from }) => from));
  },
  recalibrate: async () => {
    await recalibrate(evaluated, [hostBatch]);
  },
  diagnose: async () => {
    await diagnose(evaluated, [hostBatch]);
  },
  ...(exportOnnx !== undefined && {
    "exportOnnx, importOnnx": async (done) => {
      const { model: imported } = await importOnnx(await exportOnnx(evaluated, { inputShape: [1, 28, 28] }));
      await imported.parameters()[0].data();
      done(imported);
    },
  }),
};
const ways = {
  without: () => {},
  disposed: (...given) => {
    for (const one of given) one.dispose();
  },
};

/** Milliseconds of an iteration, and the most bytes in use after one. */
async function measure(loop, done) {
  let most = 0;
  const start = performance.now();
  for (let k = 0; k < steps; k++) {
    await loop(done);
    most = Math.max(most, memoryInUse());
  }
  return { ms: (performance.now() - start) / steps, most };
}

const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
const wanted = process.argv.slice(2);
console.log(
  `${cpus()[0].model}, threads: ${process.env.EVENKEEL_THREADS ?? "all"}, Node ${process.versions.node}, ` +
    `${new Date().toISOString().slice(0, 10)}; medians of ${rounds} rounds of ${steps}; a CNN on ${batch}×1×28×28`,
);
console.log(
  "| loop | without scope, ms | disposed by hand, ms | | without scope, most MiB | disposed by hand, most MiB |",
);
console.log("| --- | --- | --- | --- | --- | --- |");
for (const [name, loop] of Object.entries(loops)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const found = { without: [], disposed: [] };
  const base = memoryInUse();
  for (let round = 0; round <= rounds; round++) {
    for (const [way, done] of Object.entries(ways)) {
      const one = await measure(loop, done);
      if (round > 0) found[way].push(one);
      // What this way has left is not to burden the other.
      for (let k = 0; k < 20 && way === "without"; k++) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  const ms = Object.values(found).map((list) => median(list.map((one) => one.ms)));
  const most = Object.values(found).map((list) => (Math.max(...list.map((one) => one.most)) - base) / 2 ** 20);
  const cells = [ms[0].toFixed(2), ms[1].toFixed(2), `${(100 * (ms[0] / ms[1] - 1)).toFixed(1)} %`];
  console.log(`| ${[name, ...cells, ...most.map((size) => size.toFixed(1))].join(" | ")} |`);
}
