// The networks of the inference cases, with drawn weights and statistics, as files for every peer:
//   node bench/inference-networks.js FOLDER     (main.js calls it)
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { exportOnnx } from "../dist/formats/onnx/index.js";
import { exportTfjs } from "../dist/formats/tfjs/index.js";
import * as evenkeel from "../dist/index.js";
import { mobilenetV2, vitTiny } from "../dist/networks/index.js";
import { INFERENCE_NETWORKS } from "./inference-cases.js";
import { SEED, sizeOf, uniform } from "./peers/data.js";
import { sequential } from "./peers/layers.js";

const { foldBatchNorm, onWarning, saveModel, tensor } = evenkeel;
onWarning(() => {});

const named = { mobilenetV2, vitTiny };

/** Weights as a layer of that many inputs draws them; norms near one, running statistics as of data. */
function drawn(name, shape, seed) {
  const values = (bound, middle = 0) => uniform(sizeOf(shape), seed, bound).map((value) => middle + value);
  if (name.endsWith("num_batches_tracked")) return null;
  if (name.endsWith("running_var")) return values(0.5, 1);
  if (name.endsWith("running_mean")) return values(0.5);
  if (shape.length === 1) return name.endsWith("weight") ? values(0.25, 1) : values(0.25);
  return values(Math.sqrt(6 / sizeOf(shape.slice(1))));
}

function build({ layers, network, input }) {
  const model = layers ? sequential(evenkeel, layers) : named[network]({ inputShape: input, classes: 1000 });
  const state = model.stateDict();
  const entries = Object.entries(state).flatMap(([name, t], k) => {
    const values = drawn(name, t.shape, SEED.parameter + k);
    return values === null ? [] : [[name, tensor(values, t.shape)]];
  });
  model.loadStateDict(Object.fromEntries(entries), { strict: false });
  return model.eval();
}

const [, , folder] = process.argv;
mkdirSync(folder, { recursive: true });
/** Bytes, gzipped: what a page downloads of a network. */
const sizes = {};
for (const one of INFERENCE_NETWORKS) {
  const { name, input } = one;
  const model = build(one);
  const write = (file, bytes) => {
    writeFileSync(join(folder, file), bytes);
    sizes[file] = gzipSync(bytes).length;
  };
  write(`${name}.safetensors`, saveModel(model, { inputShape: input }));
  const probe = tensor(new Float32Array(2 * sizeOf(input)), [2, ...input]);
  write(`${name}-folded.safetensors`, saveModel(foldBatchNorm(model, { probe }).model.eval(), { inputShape: input }));
  write(`${name}.onnx`, await exportOnnx(model, { inputShape: input }));
  try {
    const { model: description, shards } = await exportTfjs(model, { inputShape: input });
    write(`${name}-tfjs.json`, description);
    write(`${name}-tfjs.bin`, Buffer.concat(Object.values(shards)));
  } catch (error) {
    // The peer says that the file is not there.
    console.error(`${name}: no export to TF.js: ${error.message.split("\n")[0]}`);
  }
}
writeFileSync(join(folder, "sizes.json"), JSON.stringify(sizes));
