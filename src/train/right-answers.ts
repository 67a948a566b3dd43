import { empty, type Tensor, upload } from "../tensor.js";
import { classLayout } from "./step.js";

/** Right answers, counted where the outputs lie. */
export interface RightAnswers {
  /** One int32: labels at which the logits are largest. */
  readonly correct: Tensor;
  /** Labels that are a class; others, as −100, do not count. */
  readonly counted: number;
}

/** Counts the labels at which the outputs of their place are largest. */
export function countRightAnswers(output: Tensor, labels: ArrayLike<number>): RightAnswers {
  const { backend } = output;
  const layout = classLayout(output.shape, labels.length);
  const [classes, numbers] = [Math.floor(layout.classes), Int32Array.from(labels)];
  const counted = numbers.reduce((count, label) => (label >= 0 && label < classes ? count + 1 : count), 0);
  const places = upload("accuracy", backend, [numbers.length], numbers);
  const correct = empty("accuracy", backend, []);
  const outer = numbers.length / layout.step;
  backend.countCorrect(output.block, places.block, outer, classes, layout.step, correct.block);
  places.dispose();
  return { correct, counted };
}

/** How many labels are right, of those that are a class; a sample may have several, or none. */
export interface RightCounts {
  readonly correct: number;
  readonly labels: number;
}

/** Reads the count; the backend's memory is let go. */
export async function readRightAnswers({ correct, counted }: RightAnswers): Promise<RightCounts> {
  const coming = correct.storage.read(4);
  correct.dispose();
  const [count] = new Int32Array(await coming);
  return { correct: count, labels: counted };
}

/** Both together; null if one is, as targets that are not labels have none. */
export function addRight(a: RightCounts | null, b: RightCounts | null): RightCounts | null {
  return a === null || b === null ? null : { correct: a.correct + b.correct, labels: a.labels + b.labels };
}

/** The share of labels that are right; null where there are none. */
export function accuracyOf(right: RightCounts | null): number | null {
  return right === null || right.labels === 0 ? null : right.correct / right.labels;
}
