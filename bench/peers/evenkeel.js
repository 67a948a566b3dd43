// Evenkeel, through the public names of the built package.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { digest, labels, SEED, sizeOf, UNIT, uniform } from "./data.js";
import { multiplyAdds } from "./multiply-adds.js";
import { serve } from "./serve.js";

// The package by its own name: seen from its root, since this folder is a package of its own.
const fromRoot = createRequire(new URL("../../package.json", import.meta.url));
const evenkeel = await import(pathToFileURL(fromRoot.resolve("evenkeel")).href);
const { BatchNorm, Conv2d, Flatten, GlobalAvgPool2d, GroupNorm, LayerNorm, Linear, MaxPool2d, ReLU } = evenkeel;
const { Residual, RmsNorm, Sequential } = evenkeel;
const { Adam, concat, conv2d, crossEntropy, noGrad, scope, setBackend, tensor, threads } = evenkeel;

if (process.env.BENCH_DEVICE === "webgpu") {
  const { webgpu } = await import(pathToFileURL(fromRoot.resolve("evenkeel/webgpu")).href);
  await webgpu();
}
setBackend(process.env.BENCH_DEVICE ?? "wasm");
const { count, reason } = await threads(Number(process.argv[2] ?? 1));

/** Each run is a scope, as each step of `fit` is. */
function workOf(compute) {
  return {
    run: () => scope(() => void compute()),
    check: async () => scope(() => compute().map((output) => digest(output.dataSync()))),
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

const LAYERS = {
  conv: (inputs, outputs, stride = 1) => new Conv2d(inputs, outputs, 3, { padding: 1, stride }),
  residual: (inputs, outputs, stride) => {
    const projection = new Sequential(new Conv2d(inputs, outputs, 1, { stride }), new BatchNorm(outputs));
    const first = [LAYERS.conv(inputs, outputs, stride), new BatchNorm(outputs), new ReLU()];
    const body = new Sequential(...first, LAYERS.conv(outputs, outputs), new BatchNorm(outputs));
    return new Residual(body, inputs === outputs ? null : projection);
  },
  globalAvgPool: () => new GlobalAvgPool2d(),
  linear: (inputs, outputs) => new Linear(inputs, outputs),
  batchNorm: (features) => new BatchNorm(features),
  relu: () => new ReLU(),
  maxPool: () => new MaxPool2d(2),
  flatten: () => new Flatten(),
};

function trainingStep({ layers, input, classes, lr }) {
  const model = new Sequential(...layers.map(([type, ...sizes]) => LAYERS[type](...sizes)));
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
    trainingStep,
  },
);
