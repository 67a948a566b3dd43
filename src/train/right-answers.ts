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

/**
 * How many of `samples` are right: where a sample has several labels (a sequence of them), it counts by the share of
 * them that are. The backend's memory is let go.
 */
export async function readRightAnswers({ correct, counted }: RightAnswers, samples: number): Promise<number> {
  const coming = correct.storage.read(4);
  correct.dispose();
  const [count] = new Int32Array(await coming);
  return counted === 0 ? 0 : (count * samples) / counted;
}
