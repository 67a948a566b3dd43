// TensorFlow.js: operations called directly, no layers API.
import { existsSync, readFileSync } from "node:fs";
import { digest, labels, SEED, sizeOf, UNIT, uniform } from "./data.js";
import { serve, Unsupported } from "./serve.js";
import { attention, lstm, signalBoth, signalForward, upsample } from "./tfjs-layers.js";
import { backend, batchNorm, channelsLast, needsGradientsOfConvolutions, running, tf, workOf } from "./tfjs-work.js";

/** A convolution's weight (out, in, h, w), held (h, w, in, out). */
const filterOf = (values, shape) => tf.tidy(() => tf.tensor(values, shape).transpose([2, 3, 1, 0]));

function normInputs(shape) {
  const channels = shape[1];
  const x = channelsLast(uniform(sizeOf(shape), SEED.x, UNIT), shape);
  const weight = tf.tensor(uniform(channels, SEED.weight, UNIT));
  const bias = tf.tensor(uniform(channels, SEED.bias, UNIT));
  return { x, weight, bias, ...running(channels) };
}

function batchNormForward({ shape }) {
  const { x, ...state } = normInputs(shape);
  return workOf(() => [batchNorm(x, state)], [x, ...Object.values(state)]);
}

function batchNormBoth({ shape }) {
  const { x, ...state } = normInputs(shape);
  const dy = channelsLast(uniform(sizeOf(shape), SEED.dy, UNIT), shape);
  const gradients = tf.grads((x, weight, bias) => batchNorm(x, { ...state, weight, bias }));
  // `grads` runs the forward pass too, but gives back only the gradients.
  return workOf(() => gradients([x, state.weight, state.bias], dy), [x, dy, ...Object.values(state)]);
}

function gemm({ m, n, k }) {
  const a = tf.tensor(uniform(m * k, SEED.x, UNIT), [m, k]);
  const b = tf.tensor(uniform(k * n, SEED.weight, UNIT), [k, n]);
  return workOf(() => [tf.matMul(a, b)], [a, b]);
}

function convInputs({ batch, inChannels, outChannels, size, kernel = 3, groups = 1 }) {
  if (groups > 1) throw new Unsupported("no convolution in groups");
  const xShape = [batch, inChannels, size, size];
  const weightShape = [outChannels, inChannels, kernel, kernel];
  const yShape = [batch, outChannels, size, size];
  const x = channelsLast(uniform(sizeOf(xShape), SEED.x, UNIT), xShape);
  const filter = filterOf(
    uniform(sizeOf(weightShape), SEED.weight, 1 / Math.sqrt(kernel ** 2 * inChannels)),
    weightShape,
  );
  return { x, filter, dy: channelsLast(uniform(sizeOf(yShape), SEED.dy, UNIT), yShape) };
}

function convForward(params) {
  const { x, filter, dy } = convInputs(params);
  dy.dispose();
  return workOf(() => [tf.conv2d(x, filter, 1, "same")], [x, filter]);
}

function convBoth(params) {
  needsGradientsOfConvolutions();
  const { x, filter, dy } = convInputs(params);
  const gradients = tf.grads((x, filter) => tf.conv2d(x, filter, 1, "same"));
  return workOf(
    () => gradients([x, filter], dy),
    [x, filter, dy],
    (output, index) => output.transpose(index === 0 ? [0, 3, 1, 2] : [3, 2, 0, 1]),
  );
}

/** One function x → y per layer, holding its variables. */
function build(layers, imageShape) {
  let parameters = 0;
  let [, channels, height, width] = imageShape;
  let flattened = false;
  const draw = (shape, fanIn) => uniform(sizeOf(shape), SEED.parameter + parameters++, 1 / Math.sqrt(fanIn));
  const variable = (make) => tf.variable(tf.tidy(make));
  return layers.map(([type, inputs, outputs]) => {
    if (type === "conv") {
      channels = outputs;
      const shape = [outputs, inputs, 3, 3];
      const filter = variable(() => filterOf(draw(shape, 9 * inputs), shape));
      const bias = variable(() => tf.tensor(draw([outputs], 9 * inputs)));
      return (x) => tf.conv2d(x, filter, 1, "same").add(bias);
    }
    if (type === "linear") {
      const values = draw([outputs, inputs], inputs);
      // The rows of the weight follow the order in which `flatten` reads an image: channels last here, first elsewhere.
      const ordered = flattened ? [outputs, channels, height, width] : [outputs, inputs, 1, 1];
      flattened = false;
      const weight = variable(() => tf.tensor(values, ordered).transpose([2, 3, 1, 0]).reshape([inputs, outputs]));
      const bias = variable(() => tf.tensor(draw([outputs], inputs)));
      return (x) => tf.matMul(x, weight).add(bias);
    }
    if (type === "batchNorm") {
      parameters += 2;
      const weight = variable(() => tf.ones([inputs]));
      const bias = variable(() => tf.zeros([inputs]));
      const state = { weight, bias, ...running(inputs) };
      return (x) => batchNorm(x, state);
    }
    if (type === "relu") return (x) => tf.relu(x);
    if (type === "maxPool") {
      height /= 2;
      width /= 2;
      return (x) => tf.maxPool(x, 2, 2, "valid");
    }
    flattened = true;
    return (x) => x.reshape([x.shape[0], -1]);
  });
}

function trainingStep({ layers, input, classes, lr }) {
  if (layers.some(([type]) => type === "conv")) needsGradientsOfConvolutions();
  if (layers.some(([type]) => type === "residual")) throw new Unsupported("minutes a step, not run");
  const x = channelsLast(uniform(sizeOf(input), SEED.x, UNIT), input);
  const target = tf.tidy(() =>
    tf.oneHot(tf.tensor1d(labels(input[0], SEED.labels, classes), "int32"), classes).toFloat(),
  );
  const forward = build(layers, input);
  const optimizer = tf.train.adam(lr, 0.9, 0.999, 1e-8);
  const step = () => {
    const lossOf = () =>
      tf.losses.softmaxCrossEntropy(
        target,
        forward.reduce((y, layer) => layer(y), x),
      );
    if (backend !== "webgpu") return tf.tidy(() => optimizer.minimize(lossOf, true).dataSync()[0]);
    const loss = tf.tidy(() => optimizer.minimize(lossOf, true));
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
    dispose() {
      optimizer.dispose();
      tf.disposeVariables();
      tf.dispose([x, target]);
    },
  };
}

async function inference({ files, name, batch, input }) {
  if (!existsSync(`${files}/${name}-tfjs.json`)) throw new Unsupported("no export");
  const { modelTopology, weightsManifest } = JSON.parse(readFileSync(`${files}/${name}-tfjs.json`, "utf8"));
  const weightData = new Uint8Array(readFileSync(`${files}/${name}-tfjs.bin`)).buffer;
  const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
  const model = await tf.loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData }));
  const shape = [batch, ...input];
  // In its own order from the start, as a program that runs TF.js has it.
  const held = channelsLast(uniform(sizeOf(shape), SEED.x, UNIT), shape);
  const [values, order] = [held.dataSync(), held.shape];
  held.dispose();
  const run = () => tf.tidy(() => model.predict(tf.tensor(values, order)).dataSync());
  return { run, check: async () => [digest(run())], dispose: () => model.dispose() };
}

await serve(
  { version: tf.version.tfjs, threads: 1 },
  {
    batchNormForward,
    batchNormBoth,
    gemm,
    convForward,
    convBoth,
    ...{ attention, lstm, upsample, signalForward, signalBoth },
    trainingStep,
    inference,
  },
);
