import {
  AvgPool2d,
  BatchNorm,
  BatchRenorm,
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  Dropout,
  ELU,
  Flatten,
  GELU,
  GlobalAvgPool2d,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  LeakyReLU,
  Linear,
  MaxPool2d,
  type Module,
  ReLU,
  ReLU6,
  Residual,
  RmsNorm,
  RunningNorm,
  Sequential,
  type Shape,
  Sigmoid,
  SiLU,
  Softmax,
  SpectralNorm,
  Tanh,
  tensor,
  WeightNorm,
  WeightStandardization,
} from "evenkeel";
import { normalValues } from "./seeded.js";

/** A layer, and the shape of what it gives for a sample. */
type Choice = readonly [layer: Module, shape: Shape];
type Maker = (shape: Shape, pick: (count: number) => number) => Choice | null;

const keep =
  (make: (shape: Shape, pick: (count: number) => number) => Module | null): Maker =>
  (shape, pick) => {
    const layer = make(shape, pick);
    return layer === null ? null : [layer, shape];
  };
const channels = ([count]: Shape): number => count;

const makers: readonly Maker[] = [
  (shape, pick) => {
    if (shape.length !== 3) return null;
    const [c, h, w] = shape;
    const groups = c % 2 === 0 ? 1 + pick(2) : 1;
    const [stride, dilation, padding] = [1 + pick(2), 1 + pick(2), [pick(3), pick(2)]] as const;
    const out = 2 * (1 + pick(3));
    const conv = new Conv2d(c, out, [3, 2], { groups, stride, dilation, padding, bias: pick(2) === 0 });
    const size = (extent: number, kernel: number, pad: number): number =>
      Math.floor((extent + 2 * pad - dilation * (kernel - 1) - 1) / stride) + 1;
    const [oh, ow] = [size(h, 3, padding[0]), size(w, 2, padding[1])];
    if (oh < 2 || ow < 2) return null;
    const wrappers = [(l: Conv2d) => new WeightNorm(l), (l: Conv2d) => new SpectralNorm(l)];
    return [pick(2) === 0 ? conv : wrappers[pick(2)](conv), [out, oh, ow]];
  },
  (shape, pick) => {
    if (shape.length !== 3 || shape[1] > 12) return null;
    const [c, h, w] = shape;
    const groups = c % 2 === 0 ? 1 + pick(2) : 1;
    const conv = new ConvTranspose2d(c, 4, 2, { groups, stride: 2, padding: pick(2), outputPadding: pick(2) });
    const size = (extent: number): number => (extent - 1) * 2 - 2 * conv.padding[0] + 2 + conv.outputPadding[0];
    return [pick(2) === 0 ? conv : new WeightStandardization(conv), [4, size(h), size(w)]];
  },
  (shape, pick) => {
    if (shape.length !== 2 || shape[1] < 5) return null;
    const [stride, padding] = [1 + pick(2), pick(2)];
    const length = Math.floor((shape[1] + 2 * padding - 3) / stride) + 1;
    return [new Conv1d(shape[0], 4, 3, { stride, padding }), [4, length]];
  },
  (shape, pick) => {
    const out = 4 + pick(3);
    const linear = new Linear(shape[shape.length - 1], out, { bias: pick(2) === 0 });
    return [pick(3) === 0 ? new WeightStandardization(linear) : linear, [...shape.slice(0, -1), out]];
  },
  (shape, pick) => {
    if (shape.length !== 3 || shape[1] < 4 || shape[2] < 4) return null;
    const padding = pick(2);
    const Pool = pick(2) === 0 ? MaxPool2d : AvgPool2d;
    const size = (extent: number): number => Math.floor((extent + 2 * padding - 2) / 2) + 1;
    return [new Pool(2, { padding }), [shape[0], size(shape[1]), size(shape[2])]];
  },
  (shape, pick) => (shape.length === 3 && pick(3) === 0 ? [new GlobalAvgPool2d(), [shape[0]]] : null),
  (shape, pick) =>
    shape.length > 1 && pick(3) === 0 ? [new Flatten(), [shape.reduce((product, size) => product * size, 1)]] : null,
  keep((shape, pick) => new BatchNorm(channels(shape), { affine: pick(2) === 0, trackRunningStats: pick(3) > 0 })),
  keep((shape) => new BatchRenorm(channels(shape))),
  keep((shape, pick) =>
    shape.length > 1
      ? new InstanceNorm(channels(shape), { affine: pick(2) === 0, trackRunningStats: pick(2) === 0 })
      : null,
  ),
  keep((shape, pick) =>
    channels(shape) % 2 === 0 && (shape.length > 1 || channels(shape) > 2)
      ? new GroupNorm(2, channels(shape), { affine: pick(2) === 0 })
      : null,
  ),
  keep((shape, pick) => new LayerNorm(shape.slice(-1 - pick(shape.length)), { affine: pick(2) === 0 })),
  keep((shape, pick) =>
    pick(2) === 0
      ? new RmsNorm(channels(shape), { channelsFirst: true })
      : new RmsNorm(shape.slice(-1 - pick(shape.length)), { affine: pick(2) === 0 }),
  ),
  keep(
    (_, pick) =>
      [
        new ReLU(),
        new ReLU6(),
        new LeakyReLU(0.1),
        new ELU(0.7),
        new GELU(),
        new SiLU(),
        new Sigmoid(),
        new Tanh(),
        new Softmax(pick(2) - 1 || 1),
        new Dropout(0.3),
      ][pick(10)],
  ),
  keep((shape) => new Residual(new Sequential(new BatchNorm(channels(shape)), new SiLU()))),
  (shape, pick) => {
    const width = shape[shape.length - 1];
    const out = 3 + pick(2);
    const body = new Sequential(new Linear(width, out), new Tanh());
    return [new Residual(body, new Linear(width, out)), [...shape.slice(0, -1), out]];
  },
];

/** A network of every kind of layer, for samples of a shape; each number chooses a layer and its options. */
export function randomNetwork(shape: Shape, choices: readonly number[]): Sequential {
  const layers: Module[] = [];
  let current = shape;
  for (const choice of choices) {
    let rest = choice;
    const pick = (count: number): number => {
      const picked = rest % count;
      rest = Math.floor(rest / count);
      return picked;
    };
    const made = makers[pick(makers.length)](current, pick);
    if (made === null) continue;
    layers.push(made[0]);
    current = made[1];
  }
  const network = new Sequential(...layers);
  scramble(network);
  return network.eval();
}

/** Gives norms weights and running statistics that are not those of a new layer. */
export function scramble(network: Module): void {
  network.namedModules().forEach(([, module], k) => {
    if (!(module instanceof RunningNorm)) return;
    const state = module.stateDict();
    for (const [j, key] of ["weight", "bias", "running_mean", "running_var"].entries()) {
      if (!(key in state)) continue;
      const isPositive = key === "running_var" || key === "weight";
      const values = normalValues(module.numFeatures, 10 * k + j, 0, 0.5).map((v) => (isPositive ? v * v + 0.2 : v));
      state[key] = tensor(values);
    }
    module.loadStateDict(state);
  });
}
