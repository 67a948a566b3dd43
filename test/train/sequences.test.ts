import {
  crossEntropy,
  Embedding,
  evaluate,
  fit,
  Linear,
  Module,
  Sgd,
  seed,
  type Tensor,
  tensor,
  zeros,
} from "evenkeel";
import { expect, test } from "vitest";

/** From (n, length) numbers, the logits of a label for each: (n·length, 3). */
class Tagger extends Module {
  readonly table = new Embedding(5, 3);
  readonly head = new Linear(3, 3);

  override forward(x: Tensor): Tensor {
    return this.head.forward(this.table.forward(x)).reshape([-1, 3]);
  }
}

test("where samples have several labels, accuracy is the share of labels that are right", async () => {
  seed(1);
  const tagger = new Tagger();
  // Equal logits: the first class is taken.
  tagger.head.loadStateDict({ weight: zeros([3, 3]), bias: zeros([3]) });
  const labels = Int32Array.of(0, 0, 1, 2, 0, 1);
  const data = [{ inputs: { values: Float32Array.of(0, 1, 2, 3, 4, 0), shape: [2, 3] }, targets: labels }];
  const { accuracy, samples } = await evaluate(tagger, data);
  expect([accuracy, samples]).toEqual([3 / 6, 2]);
  const { epochs } = await fit(tagger, data, { epochs: 1, optimizer: new Sgd(tagger.parameters(), { lr: 0.1 }) });
  expect(epochs[0]).toMatchObject({ accuracy: 3 / 6, samples: 2 });
});

test("each label counts the same, however many its batch has: those that are ignored and the cut change nothing", async () => {
  const outputs = Float32Array.from({ length: 24 }, (_, k) => Math.sin(k * k));
  const labels = Int32Array.of(1, 2, -100, 2, -100, -100, 2, -100);
  class Same extends Module {
    readonly shift = new Linear(3, 3);
    override forward(x: Tensor): Tensor {
      return this.shift.forward(x.reshape([-1, 3]));
    }
  }
  const same = new Same();
  const identity = tensor([1, 0, 0, 0, 1, 0, 0, 0, 1], [3, 3]);
  same.shift.loadStateDict({ weight: identity, bias: zeros([3]) });
  const isRight = (k: number) => {
    const row = [...outputs.subarray(3 * k, 3 * k + 3)];
    return row.indexOf(Math.max(...row)) === labels[k];
  };
  const counted = [0, 1, 3, 6];
  const expected = counted.filter(isRight).length / counted.length;
  expect(expected).toBeGreaterThan(0);
  expect(expected).toBeLessThan(1);
  // Sequences of two steps; of the third, no label counts.
  const cut = (cuts: readonly number[]) =>
    cuts.slice(1).map((to, k) => ({
      inputs: { values: outputs.slice(6 * cuts[k], 6 * to), shape: [to - cuts[k], 2, 3] },
      targets: labels.slice(2 * cuts[k], 2 * to),
    }));
  const loss = (y: Tensor, targets: Int32Array) =>
    targets.every((label) => label < 0) ? y.sum().mul(0) : crossEntropy(y, targets);
  for (const cuts of [
    [0, 4],
    [0, 1, 4],
    [0, 1, 2, 3, 4],
  ]) {
    expect((await evaluate(same, cut(cuts), { loss })).accuracy).toBe(expected);
    const optimizer = new Sgd(same.parameters(), { lr: 0 });
    const { epochs } = await fit(same, cut(cuts), { epochs: 1, optimizer, loss });
    expect(epochs[0].accuracy).toBe(expected);
    const together = await fit(same, cut(cuts), { epochs: 1, optimizer, loss, accumulate: 3 });
    expect(together.epochs[0].accuracy).toBe(expected);
  }
  // No label counts, so there is nothing to be right about.
  const none = [{ inputs: { values: outputs.slice(0, 6), shape: [1, 2, 3] }, targets: Int32Array.of(-100, -100) }];
  expect((await evaluate(same, none, { loss })).accuracy).toBe(null);
});
