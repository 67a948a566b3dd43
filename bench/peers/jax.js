// jax-js. It has no batch norm with state, so it is spared the running statistics; everything else is composed as its
// documentation suggests, inside `jit` where that is faster.
import { readFileSync } from "node:fs";
import { labels, SEED, sizeOf, UNIT, uniform } from "./data.js";
import { attention, lstm, signalBoth, signalForward, upsample } from "./jax-layers.js";
import { batchNorm, normInputs, rowNorm, rowNormInputs } from "./jax-norms.js";
import { array, jax, withGradients, workOf } from "./jax-work.js";
import { serve } from "./serve.js";

const { blockUntilReady, jit, lax, nn, numpy: np, tree, valueAndGrad } = jax;

const PADDING_1 = [
  [1, 1],
  [1, 1],
];

/** @type {(x: any, weight: any, stride?: number) => any} */
const conv3x3 = (x, weight, stride = 1) => lax.convGeneralDilated(x, weight, [stride, stride], PADDING_1);

/** A convolution that keeps the size. */
function convOf({ kernel = 3, groups = 1 }) {
  const padding = (kernel - 1) / 2;
  const around = [padding, padding];
  return (x, weight) => lax.convGeneralDilated(x, weight, [1, 1], [around, around], { featureGroupCount: groups });
}

function convInputs({ batch, inChannels, outChannels, size, kernel = 3, groups = 1 }) {
  const xShape = [batch, inChannels, size, size];
  const weightShape = [outChannels, inChannels / groups, kernel, kernel];
  const yShape = [batch, outChannels, size, size];
  return [
    array(uniform(sizeOf(xShape), SEED.x, UNIT), xShape),
    array(uniform(sizeOf(weightShape), SEED.weight, 1 / Math.sqrt(sizeOf(weightShape.slice(1)))), weightShape),
    array(uniform(sizeOf(yShape), SEED.dy, UNIT), yShape),
  ];
}

/** The parameters of a model, in the order of its layers. */
function initialParameters(layers) {
  const parameters = [];
  const draw = (shape, fanIn) => {
    const values = uniform(sizeOf(shape), SEED.parameter + parameters.length, 1 / Math.sqrt(fanIn));
    parameters.push(array(values, shape));
  };
  for (const [type, inputs, outputs] of layers.flatMap(partsOf)) {
    if (type === "conv" || type === "pointwise") {
      const side = type === "conv" ? 3 : 1;
      draw([outputs, inputs, side, side], side * side * inputs);
      draw([outputs], side * side * inputs);
    } else if (type === "linear") {
      draw([outputs, inputs], inputs);
      draw([outputs], inputs);
    } else if (type === "batchNorm") {
      parameters.push(np.ones([inputs]), np.zeros([inputs]));
    }
  }
  return parameters;
}

/** A residual layer is its body and its shortcut, one after the other; every other layer is itself. */
function partsOf(layer) {
  const [type, inputs, outputs, stride] = layer;
  return type === "residual" ? [...bodyOf(inputs, outputs, stride), ...shortcutOf(inputs, outputs, stride)] : [layer];
}

const bodyOf = (inputs, outputs, stride) => [
  ["conv", inputs, outputs, stride],
  ["batchNorm", outputs],
  ["relu"],
  ["conv", outputs, outputs],
  ["batchNorm", outputs],
];

const shortcutOf = (inputs, outputs, stride) =>
  inputs === outputs
    ? []
    : [
        ["pointwise", inputs, outputs, stride],
        ["batchNorm", outputs],
      ];

/** The output of layers; `take(n)` gives the next n parameters. */
function applyLayers(layers, x, take) {
  let y = x;
  for (const [type, ...sizes] of layers) {
    if (type === "residual") {
      const body = applyLayers(bodyOf(...sizes), y.ref, take);
      y = body.add(applyLayers(shortcutOf(...sizes), y, take));
    } else y = LAYERS[type](y, take(PARAMETERS_OF[type] ?? 0), sizes);
  }
  return y;
}

const LAYERS = {
  conv: (x, [weight, bias], [, , stride]) => conv3x3(x, weight, stride).add(bias.reshape([1, -1, 1, 1])),
  pointwise: (x, [weight, bias], [, , stride]) =>
    lax.convGeneralDilated(x, weight, [stride, stride], "VALID").add(bias.reshape([1, -1, 1, 1])),
  globalAvgPool: (x) => x.mean([2, 3]),
  linear: (x, [weight, bias]) => np.matmul(x, np.transpose(weight)).add(bias),
  batchNorm: (x, [weight, bias]) => batchNorm(x, weight, bias),
  relu: (x) => nn.relu(x),
  flatten: (x) => x.reshape([x.shape[0], -1]),
  maxPool: (x) => {
    const [n, c, h, w] = x.shape;
    return np.max(x.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5]);
  },
};
const PARAMETERS_OF = { conv: 2, pointwise: 2, linear: 2, batchNorm: 2 };

function trainingStep({ layers, input, classes, lr }) {
  const rows = input[0];
  const x = array(uniform(sizeOf(input), SEED.x, UNIT), input);
  const target = nn.oneHot(np.array(labels(rows, SEED.labels, classes), { dtype: np.int32 }), classes);
  const lossOf = (parameters, x, target) => {
    let next = 0;
    const take = (count) => {
      next += count;
      return parameters.slice(next - count, next);
    };
    return nn
      .logSoftmax(applyLayers(layers, x, take))
      .mul(target)
      .sum()
      .mul(-1 / rows);
  };
  const gradients = jit(valueAndGrad(lossOf));
  const adam = jit((parameters, gradients, first, second, corrections) => {
    const next = { parameters: [], first: [], second: [] };
    const [correction1, correction2] = [corrections.ref.slice(0), corrections.slice(1)];
    for (const [i, gradient] of gradients.entries()) {
      const m = first[i].mul(0.9).add(gradient.ref.mul(0.1));
      const v = second[i].mul(0.999).add(np.square(gradient).mul(0.001));
      const step = m.ref.div(correction1.ref).div(np.sqrt(v.ref.div(correction2.ref)).add(1e-8));
      next.parameters.push(parameters[i].sub(step.mul(lr)));
      next.first.push(m);
      next.second.push(v);
    }
    correction1.dispose();
    correction2.dispose();
    return next;
  });
  let state = { parameters: initialParameters(layers) };
  state.first = state.parameters.map((p) => np.zeros(p.shape));
  state.second = state.parameters.map((p) => np.zeros(p.shape));
  let steps = 0;
  const step = async () => {
    steps++;
    const corrections = np.array(new Float32Array([1 - 0.9 ** steps, 1 - 0.999 ** steps]));
    const [loss, gradient] = gradients(tree.ref(state.parameters), x.ref, target.ref);
    state = adam(state.parameters, gradient, state.first, state.second, corrections);
    await blockUntilReady([loss, state]);
    return (await loss.data())[0];
  };
  return {
    run: step,
    checkRuns: 3,
    async check() {
      const losses = [];
      for (let i = 0; i < 3; i++) losses.push(await step());
      return losses.map((loss) => [loss, loss]);
    },
    dispose() {
      tree.dispose([x, target, state]);
    },
  };
}

const { version } = JSON.parse(
  readFileSync(new URL("../node_modules/@jax-js/jax/package.json", import.meta.url), "utf8"),
);
await serve(
  { version, threads: 1 },
  {
    batchNormForward: ({ shape }) => workOf(batchNorm, normInputs(shape).slice(0, 3)),
    batchNormBoth: ({ shape }) => workOf(withGradients(batchNorm, 3), normInputs(shape)),
    rowNormForward: (params) => workOf(rowNorm(params), rowNormInputs(params).slice(0, -1)),
    rowNormBoth: (params) => {
      const inputs = rowNormInputs(params);
      return workOf(withGradients(rowNorm(params), inputs.length - 1), inputs);
    },
    gemm: ({ m, n, k }) =>
      workOf(jit(np.matmul), [
        array(uniform(m * k, SEED.x, UNIT), [m, k]),
        array(uniform(k * n, SEED.weight, UNIT), [k, n]),
      ]),
    convForward: (params) => workOf(jit(convOf(params)), convInputs(params).slice(0, 2)),
    convBoth: (params) => workOf(jit(withGradients(convOf(params), 2)), convInputs(params)),
    trainingStep,
    ...{ attention, lstm, upsample, signalForward, signalBoth },
  },
);
