import type { DataName, DeviceName, NetworkSettings } from "./settings.js";

/** What choices are called on the page. */
export const normWords: Readonly<Record<NetworkSettings["norm"], string>> = {
  none: "none",
  batch: "batch norm",
  layer: "layer norm",
  instance: "instance norm",
  group: "group norm",
  rms: "RMS norm",
  renorm: "batch renorm",
};

export const activationWords: Readonly<Record<NetworkSettings["activation"], string>> = {
  sigmoid: "sigmoid",
  tanh: "tanh",
  relu: "ReLU",
  leakyRelu: "leaky ReLU",
  elu: "ELU",
  gelu: "GELU",
  silu: "SiLU",
};

export const dataWords: Readonly<Record<DataName, string>> = {
  spiral: "Spiral",
  moons: "Moons",
  rings: "Rings",
  xor: "Xor",
  digits: "Digits",
};

export const deviceWords: Readonly<Record<DeviceName, string>> = {
  wasm: "CPU (WebAssembly)",
  webgpu: "GPU (WebGPU)",
};

/** What networks learn of, in the plural. */
export function samplesWord(data: DataName): "digits" | "points" {
  return data === "digits" ? "digits" : "points";
}

/** What a setting of a network is called, what it means in plain words, and values worth trying. */
export interface SettingWords {
  readonly label: string;
  readonly meaning: string;
  /** Values to choose from; those of choices if absent. */
  readonly presets?: readonly number[];
  readonly words?: Readonly<Record<string, string>>;
}

/** Words that all parts use. */
export const generalWords: readonly Pick<SettingWords, "label" | "meaning">[] = [
  {
    label: "Layer, unit, weight",
    meaning:
      "A unit adds up its inputs, each times a weight, and passes on one number. A layer is a row of units with the same inputs. Training changes " +
      "the weights.",
  },
  {
    label: "Loss, gradient",
    meaning:
      "The loss says how wrong the predictions are: 0 if all are right and certain, 0.69 for guessing between two classes, 2.3 between ten. Its " +
      "gradient says for each weight how fast the loss grows with it; each step goes the other way.",
  },
  {
    label: "New points, new digits",
    meaning: "Samples that training never sees. They show how well the network generalises.",
  },
  {
    label: "Mean, standard deviation (σ)",
    meaning: "Where numbers lie, and how far from there they usually are.",
  },
];

export const networkWords: Readonly<Record<keyof NetworkSettings, SettingWords>> = {
  norm: {
    label: "Normalisation",
    meaning:
      "Which numbers share a mean and a standard deviation. Batch norm: one unit over all samples of the batch. Layer norm: all units of one sample. " +
      "Group norm: some units of one sample. Instance norm: one unit of one sample, over its positions, which only images have. RMS norm: as " +
      "layer norm, without subtracting the mean. Batch renorm: batch norm, corrected towards its running statistics.",
    words: normWords,
  },
  activation: {
    label: "Activation",
    meaning:
      "The nonlinear function after each layer. Without it, any number of layers would compute no more than one.",
    words: activationWords,
  },
  depth: {
    label: "Hidden layers",
    meaning: "How many layers stand between input and output.",
    presets: [1, 2, 3, 4, 6, 8, 12],
  },
  width: {
    label: "Units per layer",
    meaning: "How many numbers each hidden layer computes for a sample.",
    presets: [4, 8, 16, 24, 32, 64],
  },
  batchSize: {
    label: "Batch size",
    meaning: "How many samples make one step. Batch norm takes its mean and standard deviation over them.",
    presets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
  },
  learningRate: {
    label: "Learning rate",
    meaning: "How far each step goes against the gradient.",
    presets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
  },
  momentum: {
    label: "Step momentum",
    meaning: "The share of the last step that is added to the next, as a rolling ball keeps its speed.",
    presets: [0, 0.5, 0.9, 0.95, 0.99],
  },
  initialScale: {
    label: "Initial weights ×",
    meaning: "The first, random weights are this many times as large as usual.",
    presets: [0.01, 0.1, 0.3, 1, 2, 4, 10],
  },
  runningMomentum: {
    label: "Running momentum",
    meaning:
      "Batch norm keeps a running mean and variance for inference. This is the weight of the old value when a batch updates them.",
    presets: [0, 0.5, 0.9, 0.99, 0.999],
  },
  warmUp: {
    label: "Warm-up",
    meaning:
      "With it, the first batch replaces the initial running mean 0 and variance 1. The average then covers more and more batches, until the running " +
      "momentum takes over. Without it, as in PyTorch and Keras, the initial values fade slowly.",
    words: { yes: "on", no: "off" },
  },
};

/** Whether batch statistics are over so few samples that the library warns, too. */
export function hasSmallBatches({ norm, batchSize }: NetworkSettings): boolean {
  return (norm === "batch" || norm === "renorm") && batchSize < 8;
}

/** What will happen with settings that are likely to go wrong, said before it does. */
export function adviceFor(settings: NetworkSettings): string[] {
  const { norm, batchSize, learningRate, momentum, initialScale, activation } = settings;
  const advice: string[] = [];
  if (hasSmallBatches(settings) && batchSize === 1) {
    advice.push(
      "A batch of one has no variance: each value is its own mean, so x − mean is 0 for any sample. The library will refuse to train.",
    );
  } else if (hasSmallBatches(settings)) {
    advice.push(
      `The mean and standard deviation of ${batchSize} samples vary much from batch to batch, so training is noisy. Group norm does not depend on the batch.`,
    );
  }
  if (norm === "instance") {
    advice.push(
      "Instance norm takes the mean of one unit over the positions of one image. These layers give one number per unit and sample, so there is " +
        "nothing to take a mean of: the library will refuse to train.",
    );
  }
  if (learningRate / (1 - momentum) > 10) {
    advice.push(
      "With this momentum the effective learning rate is above 10: the loss is likely to jump, or to overflow.",
    );
  }
  if (initialScale >= 4 && norm === "none" && (activation === "sigmoid" || activation === "tanh")) {
    advice.push(
      `Weights this large push ${activationWords[activation]} into its flat ends, where no gradient passes: most units will be dead.`,
    );
  }
  if (initialScale <= 0.1 && norm === "none") {
    advice.push("Weights this small shrink the signal in every layer: the last one will hardly see the input.");
  }
  return advice;
}
