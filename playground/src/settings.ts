import { choice, type Field, flag, integer, number, type Values } from "./fields.js";
import { scenes } from "./scenes.js";
import { trainAndTestFields, walkFields } from "./view-fields.js";

/** What may differ between the two networks. */
export const networkFields = {
  /** Which values share a mean. */
  norm: choice(["none", "batch", "layer", "instance", "group", "rms", "renorm"]),
  activation: choice(["sigmoid", "tanh", "relu", "leakyRelu", "elu", "gelu", "silu"], "relu"),
  /** Hidden layers. */
  depth: integer(1, 12, 12),
  /** Units of each hidden layer. */
  width: integer(2, 64, 24),
  batchSize: integer(1, 256, 128),
  learningRate: number(0.0001, 10, 0.1),
  /** Of stochastic gradient descent: the share of the last step that is made again. */
  momentum: number(0, 0.99, 0.9),
  /** Times the usual initial weights. */
  initialScale: number(0.01, 10, 0.3),
  /** Weight of the old running value in batch normalisation. */
  runningMomentum: number(0, 0.999, 0.99),
  /** Whether the first batch replaces the initial running statistics. */
  warmUp: flag(true),
};

/** What both networks share. */
export const sharedFields = {
  data: choice(["spiral", "moons", "rings", "xor", "digits"]),
  /** Deviation of the noise on each coordinate. */
  noise: number(0, 0.5, 0.03),
  seed: integer(0, 4294967295, 1),
  /** What takes the steps. */
  device: choice(["wasm", "webgpu"]),
};

/** What the page shows; changing these does not touch the training. */
export const viewFields = {
  /** What the page started from, which the address then names instead of all that is set. */
  scene: choice(scenes.map(({ id }) => id)),
  /** How many steps were made when training was paused: whoever opens the address gets as many. */
  step: integer(0, 100_000, 0),
  /** Which hidden layer is looked at, from 1. */
  layer: integer(1, 12, 1),
  ...trainAndTestFields,
  ...walkFields,
};

export type NetworkSettings = Values<typeof networkFields>;
export type SharedSettings = Values<typeof sharedFields>;
export type ViewSettings = Values<typeof viewFields>;
export type DataName = SharedSettings["data"];
export type DeviceName = SharedSettings["device"];

/** What is trained: changing any of it starts both networks again. */
export interface Experiment extends SharedSettings {
  readonly a: NetworkSettings;
  /** Where network B differs from A. */
  readonly b: Partial<NetworkSettings>;
}

/** The whole state of the page but for what has been trained: all of it stands in the address. */
export interface Settings {
  readonly experiment: Experiment;
  readonly view: ViewSettings;
}

/** The values that fields have at first. */
function initialValues<F extends Record<string, Field<unknown>>>(fields: F): Values<F> {
  return Object.fromEntries(Object.entries(fields).map(([name, { initial }]) => [name, initial])) as Values<F>;
}

/** What the page starts with: deep ReLU networks with small weights, of which one has batch norm. */
export const initialSettings: Settings = {
  experiment: { ...initialValues(sharedFields), a: initialValues(networkFields), b: { norm: "batch" } },
  view: initialValues(viewFields),
};
