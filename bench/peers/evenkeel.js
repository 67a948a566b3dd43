// Evenkeel, through the public names of the built package.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { digest, labels, SEED, sizeOf, UNIT, uniform } from "./data.js";
import { sequential } from "./layers.js";
import { multiplyAdds } from "./multiply-adds.js";
import { serve } from "./serve.js";

// The package by its own name: seen from its root, since this folder is a package of its own.
const fromRoot = createRequire(new URL("../../package.json", import.meta.url));
const evenkeel = await import(pathToFileURL(fromRoot.resolve("evenkeel")).href);
const { BatchNorm, Conv1d, GroupNorm, LayerNorm, LSTM, MultiHeadAttention, RmsNorm, Sequential, Upsample } = evenkeel;
const { Adam, concat, conv2d, crossEntropy, loadModel, noGrad, predict, scope, setBackend, tensor, threads } = evenkeel;

if (process.env.BENCH_DEVICE === "webgpu") {
  const { webgpu } = await import(pathToFileURL(fromRoot.resolve("evenkeel/webgpu")).href);
  await webgpu();
}
setBackend(process.env.BENCH_DEVICE ?? "wasm");
const { count, reason } = await threads(Number(process.argv[2] ?? 1));

/** On a GPU: the last value to be read, behind all that was asked for before it. */
const fence = process.env.BENCH_DEVICE === "webgpu" ? tensor(new Float32Array(1), [1]) : null;

/** Each run is a scope, as each step of `fit` is. */
function workOf(compute) {
  const once = () => scope(() => void compute());
  const run = () => {
    once();
    return fence.data();
  };
  return {
    run: fence === null ? once : run,
    async check() {
      const digests = [];
      for (const output of scope(compute)) digests.push(digest(await output.data()));
      return digests;
    },
  };
}

function forwardOnly(compute) {
  return workOf(() => noGrad(() => [compute()]));
}

/** Forward, then backward from dy; the leaves give their gradients away. */
function withGradients(compute, leaves, dy) {
  return workOf(() => {
    for (const leaf of leaves) {
      leaf.grad?.dispose();
      leaf.grad = null;
    }
    const y = compute();
    y.backward(dy);
    return [y, ...leaves.map((leaf) => leaf.grad)];
  });
}

const draw = (shape, seed, bound, options) => tensor(uniform(sizeOf(shape), seed, bound), shape, options);

function norm([, channels]) {
  const layer = new BatchNorm(channels);
  const weight = draw([channels], SEED.weight, UNIT);
  layer.loadStateDict({ weight, bias: draw([channels], SEED.bias, UNIT) }, { strict: false });
  return layer;
}

function batchNormForward({ shape }) {
  const layer = norm(shape);
  const x = draw(shape, SEED.x, UNIT);
  return forwardOnly(() => layer.forward(x));
}

function batchNormBoth({ shape }) {
  const layer = norm(shape);
  const x = draw(shape, SEED.x, UNIT, { requiresGrad: true });
  return withGradients(() => layer.forward(x), [x, ...layer.parameters()], draw(shape, SEED.dy, UNIT));
}

/** Norms of rows, by name, for x of a shape. */
const ROW_NORMS = {
  layer: (shape) => new LayerNorm(shape.at(-1)),
  group: (shape) => new GroupNorm(8, shape[1]),
  rms: (shape) => new RmsNorm(shape.at(-1)),
};

function rowNorm({ norm: name, shape }) {
  const layer = ROW_NORMS[name](shape);
  const state = Object.entries(layer.stateDict()).map(([key, t]) => [key, draw(t.shape, SEED[key], UNIT)]);
  layer.loadStateDict(Object.fromEntries(state));
  return layer;
}

function rowNormForward(params) {
  const layer = rowNorm(params);
  const x = draw(params.shape, SEED.x, UNIT);
  return forwardOnly(() => layer.forward(x));
}

function rowNormBoth(params) {
  const layer = rowNorm(params);
  const x = draw(params.shape, SEED.x, UNIT, { requiresGrad: true });
  return withGradients(() => layer.forward(x), [x, ...layer.parameters()], draw(params.shape, SEED.dy, UNIT));
}

/** What memory allows: a norm's forward pass reads twice and writes once, 1.5 times as much. */
function copy({ shape }) {
  const x = draw(shape, SEED.x, UNIT);
  return forwardOnly(() => concat([x], 0));
}

function gemm({ m, n, k }) {
  const a = draw([m, k], SEED.x, UNIT);
  const b = draw([k, n], SEED.weight, UNIT);
  return forwardOnly(() => a.matmul(b));
}

/** Of odd kernels, padded so that the size stays. */
function convInputs({ batch, inChannels, outChannels, size, kernel = 3, groups = 1 }, options) {
  const channels = inChannels / groups;
  return {
    x: draw([batch, inChannels, size, size], SEED.x, UNIT, options),
    weight: draw([outChannels, channels, kernel, kernel], SEED.weight, 1 / Math.sqrt(kernel ** 2 * channels), options),
    dy: draw([batch, outChannels, size, size], SEED.dy, UNIT),
    options: { padding: (kernel - 1) / 2, groups },
  };
}

function convForward(params) {
  const { x, weight, options } = convInputs(params);
  return forwardOnly(() => conv2d(x, weight, null, options));
}

function convBoth(params) {
  const { x, weight, dy, options } = convInputs(params, { requiresGrad: true });
  return withGradients(() => conv2d(x, weight, null, options), [x, weight], dy);
}

/** A layer with the parameters that every peer draws, x and dy. */
function layerInputs(layer, { shape, output = shape, fanIn }) {
  const drawn = layer
    .namedParameters()
    .map(([name, t], k) => [name, draw(t.shape, SEED.parameter + k, 1 / Math.sqrt(fanIn))]);
  layer.loadStateDict(Object.fromEntries(drawn), { strict: false });
  return [draw(shape, SEED.x, UNIT, { requiresGrad: true }), draw(output, SEED.dy, UNIT)];
}

function layerForward(layer, params) {
  const [x] = layerInputs(layer, params);
  return forwardOnly(() => layer.forward(x));
}

function layerBoth(layer, params) {
  const [x, dy] = layerInputs(layer, params);
  return withGradients(() => layer.forward(x), [x, ...layer.parameters()], dy);
}

/** A convolution over signals that keeps their length, and a batch norm behind it. */
function signal({ parameters: [[outputs, inputs, kernel]] }) {
  return new Sequential(
    new Conv1d(inputs, outputs, kernel, { padding: (kernel - 1) / 2, bias: false }),
    new BatchNorm(outputs),
  );
}

function upsample(params) {
  const size = params.output.slice(2);
  return layerBoth(new Upsample(null, { size, mode: "bilinear" }), params);
}

function trainingStep({ layers, input, classes, lr }) {
  const model = sequential(evenkeel, layers);
  model.loadStateDict(initialState(model), { strict: false });
  const x = draw(input, SEED.x, UNIT);
  const target = labels(input[0], SEED.labels, classes);
  const optimizer = new Adam(model.parameters(), { lr });
  const taken = () =>
    scope(() => {
      optimizer.zeroGrad();
      const loss = crossEntropy(model.forward(x), target);
      loss.backward();
      optimizer.step();
      return process.env.BENCH_DEVICE === "webgpu" ? loss : loss.item();
    });
  const step = () => {
    const loss = taken();
    if (typeof loss === "number") return loss;
    return loss.data().then(([value]) => {
      loss.dispose();
      return value;
    });
  };
  return {
    run: step,
    checkRuns: 3,
    async check() {
      const losses = [];
      for (let i = 0; i < 3; i++) losses.push(await step());
      return losses.map((loss) => [loss, loss]);
    },
  };
}

/** With "folded" as the second argument, the network whose batch norms were folded beforehand. */
function inference({ files, name, batch, input }) {
  const bytes = readFileSync(`${files}/${name}${process.argv[3] === "folded" ? "-folded" : ""}.safetensors`);
  const model = loadModel(new Uint8Array(bytes)).model.eval();
  const values = uniform(batch * sizeOf(input), SEED.x, UNIT);
  const run = async () => {
    const x = tensor(values, [batch, ...input]);
    const y = await predict(model, x);
    const outputs = await y.data();
    x.dispose();
    y.dispose();
    return outputs;
  };
  return { run, check: async () => [digest(await run())], dispose: () => model.dispose() };
}

/**
 * The drawn weights and biases of convolutions and linear layers; norms, whose weights have rank 1, keep ones and
 * zeros.
 */
function initialState(model) {
  const parameters = model.namedParameters();
  const state = {};
  for (let i = 0; i < parameters.length; i += 2) {
    const weight = parameters[i][1];
    if (weight.shape.length === 1) continue;
    const bound = 1 / Math.sqrt(sizeOf(weight.shape.slice(1)));
    for (const k of [i, i + 1]) {
      const [name, parameter] = parameters[k];
      state[name] = draw(parameter.shape, SEED.parameter + k, bound);
    }
  }
  return state;
}

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
await serve(
  { version, threads: count, note: reason ?? undefined },
  {
    batchNormForward,
    batchNormBoth,
    rowNormForward,
    rowNormBoth,
    copy,
    multiplyAdds,
    gemm,
    convForward,
    convBoth,
    signalForward: (params) => layerForward(signal(params), params),
    signalBoth: (params) => layerBoth(signal(params), params),
    attention: (params) => layerBoth(new MultiHeadAttention(params.shape[2], params.heads), params),
    lstm: (params) => layerBoth(new LSTM(params.shape[2], params.shape[2]), params),
    upsample,
    trainingStep,
    inference,
  },
);
