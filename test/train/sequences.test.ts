import { Embedding, evaluate, fit, Linear, Module, Sgd, seed, type Tensor, zeros } from "evenkeel";
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
