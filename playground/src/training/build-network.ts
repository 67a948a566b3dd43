import {
  BatchNorm,
  BatchRenorm,
  ELU,
  Flatten,
  GELU,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  LeakyReLU,
  Linear,
  type Module,
  ReLU,
  RmsNorm,
  Sequential,
  Sigmoid,
  SiLU,
  seed,
  Tanh,
  tensor,
} from "evenkeel";
import type { NetworkSettings } from "../settings.js";
import type { TrainingData } from "./data-sets.js";

/** One hidden layer: its weights, what normalises their output, and the bend behind it. */
export interface HiddenLayer {
  readonly linear: Linear;
  readonly norm: Module | null;
  readonly activation: Module;
}

/** A network, and the layers that are looked at. */
export interface Network {
  readonly model: Sequential;
  readonly hidden: readonly HiddenLayer[];
}

type Running = { readonly momentum: number; readonly warmUp: boolean };
const norms: Readonly<Record<NetworkSettings["norm"], (width: number, running: Running) => Module | null>> = {
  none: () => null,
  batch: (width, running) => new BatchNorm(width, running),
  layer: (width) => new LayerNorm(width),
  instance: (width) => new InstanceNorm(width),
  group: (width) => new GroupNorm(groupsOf(width), width),
  rms: (width) => new RmsNorm(width),
  renorm: (width, running) => new BatchRenorm(width, running),
};

/** Four groups or, where the width cannot be divided so, fewer, of two units or more. */
export function groupsOf(width: number): number {
  return [4, 3, 2].find((groups) => width % groups === 0 && width / groups >= 2) ?? 1;
}

const activations: Readonly<Record<NetworkSettings["activation"], () => Module>> = {
  sigmoid: () => new Sigmoid(),
  tanh: () => new Tanh(),
  relu: () => new ReLU(),
  leakyRelu: () => new LeakyReLU(),
  elu: () => new ELU(),
  gelu: () => new GELU(),
  silu: () => new SiLU(),
};

/** The network that settings describe. Equal seeds and sizes give equal weights, whatever the norm. */
export function buildNetwork(settings: NetworkSettings, data: TrainingData, seedOfWeights: number): Network {
  seed(seedOfWeights);
  const { width, depth, initialScale, runningMomentum: momentum, warmUp } = settings;
  const inputs = data.shape.reduce((product, extent) => product * extent, 1);
  const hidden = Array.from({ length: depth }, (_, k): HiddenLayer => {
    const linear = new Linear(k === 0 ? inputs : width, width);
    return {
      linear,
      norm: norms[settings.norm](width, { momentum, warmUp }),
      activation: activations[settings.activation](),
    };
  });
  const flatten = data.shape.length > 1 ? new Flatten() : null;
  const layers = [flatten, ...hidden.flatMap(({ linear, norm, activation }) => [linear, norm, activation])];
  const model = new Sequential(...layers.filter((layer) => layer !== null), new Linear(width, data.classes));
  for (const { linear } of hidden) scaleWeight(linear, initialScale);
  return { model, hidden };
}

function scaleWeight(linear: Linear, scale: number): void {
  const state = linear.stateDict();
  const { weight } = state;
  const scaled = tensor(
    weight.dataSync().map((value) => value * scale),
    weight.shape,
  );
  linear.loadStateDict({ ...state, weight: scaled });
  for (const t of [scaled, ...Object.values(state)]) t.dispose();
}
