import type { Dataset, TensorData } from "../../data/dataset.js";
import { ArgumentError, DataError } from "../../errors.js";
import { crossEntropy } from "../../ops/cross-entropy.js";
import { focal } from "../../ops/focal.js";
import { huber, l1, mse, smoothL1 } from "../../ops/losses.js";
import { Tensor } from "../../tensor.js";
import type { Loss } from "../../train/step.js";
import { classWeightsOf, type LossName, lossTasks } from "../flags/loop-flags.js";
import type { TrainFlags } from "../flags/train-flags.js";
import type { OpenedData } from "../training-data.js";

type Target = Int32Array | TensorData;
/** Targets of a batch as a loss takes them. */
type LossTargets = Int32Array | Tensor;

/** Options of a loss that flags set. */
interface LossSettings {
  readonly labelSmoothing?: number;
  readonly classWeights?: readonly number[];
}

const losses: Readonly<Record<LossName, (y: Tensor, t: LossTargets, settings: LossSettings) => Tensor>> = {
  "cross-entropy": crossEntropy,
  focal: (y, t, { classWeights }) => focal(y, t, classWeights === undefined ? {} : { classWeights }),
  mse: (y, t) => mse(y, numbersOf(t)),
  huber: (y, t) => huber(y, numbersOf(t)),
  "smooth-l1": (y, t) => smoothL1(y, numbersOf(t)),
  l1: (y, t) => l1(y, numbersOf(t)),
};

function numbersOf(targets: LossTargets): Tensor {
  if (targets instanceof Tensor) return targets;
  throw new Error("internal: a regression without numbers");
}

/** The loss that the flags name. @throws ArgumentError if they do not go with the task, or with one another */
export function lossOfRun(flags: TrainFlags, source: OpenedData): Loss<Target> {
  const isRegression = source.task === "regression";
  const name: LossName = flags.loss ?? (isRegression ? "mse" : "cross-entropy");
  if (lossTasks[name] !== source.task) {
    const fitting = Object.entries(lossTasks).flatMap(([other, task]) => (task === source.task ? [other] : []));
    throw misplaced("--loss", `a loss for ${source.task} (${fitting.join(", ")})`, name);
  }
  const forClasses = ["labelSmoothing", "classWeights", "mixup", "cutmix"] as const;
  const stray = isRegression ? forClasses.find((one) => flags[one] !== undefined) : undefined;
  if (stray !== undefined) throw misplaced(flagOf(stray), "data with classes", "numbers to predict");
  const isMixed = flags.mixup !== undefined || flags.cutmix !== undefined;
  if (flags.mixup !== undefined && flags.cutmix !== undefined)
    throw misplaced("--mixup, --cutmix", "one of them", "both");
  if (name === "focal" && flags.labelSmoothing !== undefined) {
    throw misplaced("--label-smoothing", "--loss cross-entropy", "--loss focal");
  }
  if (name === "focal" && isMixed) {
    throw misplaced(flags.mixup === undefined ? "--cutmix" : "--mixup", "--loss cross-entropy", "--loss focal");
  }
  const settings: LossSettings = {
    ...(flags.labelSmoothing === undefined ? {} : { labelSmoothing: flags.labelSmoothing }),
    ...(flags.classWeights === undefined ? {} : { classWeights: weightsOf(flags.classWeights, source) }),
  };
  return (output, targets) => losses[name](output, targets, settings);
}

function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function weightsOf(text: string, { plainTrain, outputs }: OpenedData): number[] {
  const given = classWeightsOf(text);
  if (given === "balanced") return balancedWeights(plainTrain, outputs);
  if (given.length === outputs) return given;
  throw misplaced("--class-weights", `a weight for each of ${outputs} classes`, String(given.length));
}

/** samples / (classes · samples of the class), as scikit-learn's "balanced". */
function balancedWeights(data: Dataset<Target>, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (let start = 0; start < data.length; start += 500) {
    const rows = Array.from({ length: Math.min(500, data.length - start) }, (_, k) => start + k);
    for (const label of data.batch(rows).targets as Int32Array) counts[label]++;
  }
  const empty = counts.indexOf(0);
  if (empty >= 0) {
    throw new DataError({
      where: "--class-weights balanced",
      expected: "training samples of every class",
      received: `none of class ${empty}`,
      cure: "Pass a weight for each class.",
    });
  }
  return counts.map((count) => data.length / (classes * count));
}

function misplaced(where: string, expected: string, received: string): ArgumentError {
  return new ArgumentError({ where, expected, received, cure: "Leave the flag out, or choose another." });
}
