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
      "Both networks have twelve ReLU layers with small initial weights. In A the signal shrinks from layer to layer until nothing is left of it: " +
      "it guesses. In B batch norm brings each layer back to mean 0 and spread 1, and it learns the spiral within some hundred steps.",
    settings: "",
    part: "side-by-side",
  },
  {
    id: "batch-of-two",
    title: "A batch of two",
    text:
      "Both networks see two samples in each step. In A, mean and spread over two samples are little more than noise, and so is its training. " +
      "Group norm in B takes them over the units of one sample and does not notice. Below batches of about 8, prefer it.",
    settings:
      "data=rings&a.depth=3&a.initialScale=1&a.norm=batch&a.batchSize=2&a.learningRate=0.01&a.momentum=0.5&b.norm=group",
    part: "side-by-side",
  },
  {
    id: "empty-memory",
    title: "Evaluation with an empty memory",
    text:
      "Both networks train equally well. But A begins with a running mean of 0 and variance of 1 and moves them by 0.1 % a step, so that it " +
      "evaluates near chance for a thousand steps and more. B warms up: its first batch replaces the initial values.",
    settings:
      "a.depth=4&a.initialScale=1&a.norm=batch&a.runningMomentum=0.999&a.warmUp=no&b.norm=same&b.warmUp=yes&tested=a&statistics=running",
    part: "train-and-test",
  },
  {
    id: "shares",
    title: "What shares a mean",
    text: "Five norms, one formula: they differ only in which values share a mean and a spread.",
    settings: "a.depth=4&a.initialScale=1&a.norm=batch&b.norm=layer",
    part: "shares",
  },
  {
    id: "linear",
    title: "Linear at inference only",
    text:
      "At inference a batch norm is a fixed line: y = a · x + b. In training it is not even linear, since the batch decides mean and spread. " +
      "The test: is the output for the mean of two batches the mean of their outputs?",
    settings: "a.depth=4&a.initialScale=1&a.norm=none&b.norm=batch",
    part: "linear",
  },
  {
    id: "parameters",
    title: "γ and β learn",
    text: "Each batch norm begins with spread γ = 1 and mean β = 0 for every unit. Both are learned: here are their values while B trains.",
    settings: "a.depth=4&a.initialScale=1&a.norm=none&b.norm=batch",
    part: "parameters",
  },
  {
    id: "bad-batch",
    title: "One bad batch",
    text:
      "A single NaN in a batch makes its mean NaN. Elsewhere it stays in the running statistics for ever, and every later evaluation is NaN. " +
      "Here the layer leaves its running statistics as they are, and counts the batch as skipped.",
    settings: "a.depth=4&a.initialScale=1&a.norm=none&b.norm=batch",
    part: "repair",
  },
  {
    id: "recalibrate",
    title: "Recalibrate",
    text:
      "A batch norm with a memory that is too long lags behind its network. One pass over the data gives it exact statistics: " +
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
