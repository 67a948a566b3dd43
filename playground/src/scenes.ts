/** Something to see, which a link sets up and starts. */
export interface Scene {
  /** Its name in the address. */
  readonly id: string;
  readonly title: string;
  /** What happens, and where to look. */
  readonly text: string;
  /** What is set, as an address says it. */
  readonly settings: string;
  /** The part of the page that shows it. */
  readonly part: string;
}

/** The scenes; the page starts with the first. */
export const scenes = [
  {
    id: "deep",
    title: "Twelve ReLU layers",
    text:
      "Both networks have twelve ReLU layers with small initial weights. In A the signal shrinks from layer to layer until nothing is left, so A " +
      "guesses. In B batch norm brings each layer back to mean 0 and standard deviation 1, and B learns the spiral within a few hundred steps.",
    settings: "",
    part: "side-by-side",
  },
  {
    id: "batch-of-two",
    title: "A batch of two",
    text:
      "Both networks see two samples in each step. In A the mean and standard deviation of two samples are mostly noise, so its training is noisy. " +
      "Group norm in B takes them over the units of one sample, so the batch size does not matter. Prefer it below batches of about 8.",
    settings:
      "data=rings&a.depth=3&a.initialScale=1&a.norm=batch&a.batchSize=2&a.learningRate=0.01&a.momentum=0.5&b.norm=group",
    part: "side-by-side",
  },
  {
    id: "empty-memory",
    title: "Evaluation with an empty memory",
    text:
      "Both networks train equally well. A starts with a running mean of 0 and a running variance of 1 and moves them by 0.1 % in each step, so it " +
      "evaluates near chance for more than a thousand steps. B warms up: its first batch replaces the initial values.",
    settings:
      "a.depth=4&a.initialScale=1&a.norm=batch&a.runningMomentum=0.999&a.warmUp=no&b.norm=same&b.warmUp=yes&tested=a&statistics=running",
    part: "train-and-test",
  },
  {
    id: "shares",
    title: "What shares a mean",
    text: "Five norms, one formula: they differ only in which values share a mean and a standard deviation.",
    settings: "a.depth=4&a.initialScale=1&a.norm=batch&b.norm=layer",
    part: "shares",
  },
  {
    id: "linear",
    title: "Linear at inference only",
    text:
      "At inference a batch norm is a fixed line, y = a · x + b. In training it is not even linear, because mean and standard deviation depend on the " +
      "batch. The test: is the output for the mean of two batches the mean of their outputs?",
    settings: "a.depth=4&a.initialScale=1&a.norm=none&b.norm=batch",
    part: "linear",
  },
  {
    id: "parameters",
    title: "γ and β learn",
    text: "Each batch norm begins with scale γ = 1 and shift β = 0 for every unit. Both are learned: the curves show their values while B trains.",
    settings: "a.depth=4&a.initialScale=1&a.norm=none&b.norm=batch",
    part: "parameters",
  },
  {
    id: "bad-batch",
    title: "One bad batch",
    text:
      "A single NaN in a batch makes its mean NaN. In other libraries the running statistics then stay NaN, and so does every later evaluation. " +
      "Here the layer leaves its running statistics as they are, and counts the batch as skipped.",
    settings: "a.depth=4&a.initialScale=1&a.norm=none&b.norm=batch",
    part: "repair",
  },
  {
    id: "recalibrate",
    title: "Recalibrate",
    text:
      "With a running momentum that is too large, the running statistics lag behind the network. One pass over the data gives exact statistics: " +
      "press the button and compare the accuracy before and after.",
    settings:
      "a.depth=4&a.initialScale=1&a.norm=batch&a.runningMomentum=0.999&a.warmUp=no&b.norm=same&b.warmUp=yes&tested=a",
    part: "repair",
  },
] as const satisfies readonly Scene[];

export type SceneId = (typeof scenes)[number]["id"];

/** The scene of a name. */
export function sceneOf(id: SceneId): Scene {
  return scenes.find((scene) => scene.id === id) ?? scenes[0];
}
