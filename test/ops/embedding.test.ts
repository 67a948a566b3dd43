import { Embedding, embedding, loadModel, Sequential, Sgd, saveModel, scope, seed, tensor, zeros } from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectGradient, input } from "../support/gradient.js";
import { messageOf } from "../support/message-of.js";
import { normal } from "../support/seeded.js";

describeEachBackend("embedding", () => {
  test("takes nested arrays, an Int32Array, or a tensor, and gives a row for each number", () => {
    const weight = normal([5, 3], 1);
    const rows = weight.dataSync();
    const expected = [4, 0, 4, 1].flatMap((row) => [...rows.slice(3 * row, 3 * row + 3)]);
    for (const indices of [
      [4, 0, 4, 1],
      [
        [4, 0],
        [4, 1],
      ],
      Int32Array.of(4, 0, 4, 1),
      tensor(Int32Array.of(4, 0, 4, 1), [2, 1, 2]),
    ]) {
      expect([...embedding(indices, weight).dataSync()]).toEqual(expected);
    }
    expect(embedding(3, weight).shape).toEqual([3]);
    expect(embedding(zeros([2, 0]), weight).shape).toEqual([2, 0, 3]);
  });

  test("gradients match finite differences, for odd widths and repeated rows", () => {
    for (const width of [1, 3, 4, 8, 13, 18]) {
      expectGradient((weight) => embedding([1, 1, 0, 4, 1], weight), [input([6, width], width)]);
    }
    expectGradient((weight) => embedding(zeros([0]), weight), [input([3, 2], 1)]);
  });

  test("the gradient adds many small values without losing them", () => {
    const weight = zeros([2, 1], { requiresGrad: true });
    const cotangent = new Float32Array(10_001).fill(1e-4);
    cotangent[0] = 1e4;
    embedding(new Int32Array(10_001), weight).backward(cotangent);
    expect([...(weight.grad?.dataSync() ?? [])]).toEqual([Math.fround(10_001), 0]);
  });

  test("the row of padding starts at zeros, and training leaves it so", () => {
    seed(1);
    const table = new Embedding(4, 3, { paddingIdx: 1 });
    const sgd = new Sgd(table.parameters(), { lr: 1 });
    scope(() => table.forward([[0, 1, 1]]).backward(new Float32Array(9).fill(1)));
    sgd.step();
    expect([...table.weight.dataSync().slice(3, 6)]).toEqual([0, 0, 0]);
    expect(table.weight.grad?.dataSync().slice(0, 6)).toEqual(Float32Array.of(1, 1, 1, 0, 0, 0));
  });

  test("is saved and loaded with its padding", () => {
    const table = new Embedding(4, 3, { paddingIdx: 1 });
    const { model } = loadModel(saveModel(table));
    expect(model).toBeInstanceOf(Embedding);
    expect(model).toMatchObject({ paddingIdx: 1 });
    const indices = tensor([[0, 1, 3]]);
    expect(model.forward(indices).dataSync()).toEqual(table.forward(indices).dataSync());
    expect(String(loadModel(saveModel(new Sequential(new Embedding(2, 1)))).model)).toBe("Sequential(Embedding(2, 1))");
  });
});

test("initial rows are standard normal deviates", () => {
  seed(1);
  const values = new Embedding(100, 100).weight.dataSync();
  const mean = values.reduce((total, v) => total + v, 0) / values.length;
  const square = values.reduce((total, v) => total + v * v, 0) / values.length;
  expect(Math.abs(mean)).toBeLessThan(0.05);
  expect(Math.abs(square - 1)).toBeLessThan(0.05);
});

describe("embedding refuses", () => {
  test("numbers that are no rows, and sizes that are none, naming the place and the cure", () => {
    const table = new Embedding(10, 2);
    expect([
      messageOf(() =>
        table.forward([
          [0, 1, 2],
          [3, 10, 4],
        ]),
      ),
      messageOf(() => table.forward(tensor([1, 2.5]))),
      messageOf(() => table.forward(Int32Array.of(-1))),
      messageOf(() => table.forward([Number.NaN])),
      messageOf(() => table.forward(10)),
      messageOf(() => table.forward([[1], [2, 3]])),
      messageOf(() => table.forward(zeros([1, 1, 1, 1, 1]))),
      messageOf(() => embedding([0], zeros([2, 3, 4]))),
      messageOf(() => embedding([0], zeros([2, 3]), { paddingIdx: 2 })),
      messageOf(() => new Embedding(0, 2)),
      messageOf(() => new Embedding(2, 1.5)),
      messageOf(() => new Embedding(2 ** 24 + 1, 1)),
      messageOf(() => new Embedding(2, 1, { paddingIdx: -1 })),
    ]).toMatchInlineSnapshot(`
      [
        "DataError: embedding(indices, weight): expected whole numbers from 0 to 9, got 10 at [1, 1]. Number the rows from 0, and give the table a row for each.",
        "DataError: embedding(indices, weight): expected whole numbers from 0 to 9, got 2.5 at [1]. Number the rows from 0, and give the table a row for each.",
        "DataError: embedding(indices, weight): expected whole numbers from 0 to 9, got -1 at [0]. Number the rows from 0, and give the table a row for each.",
        "DataError: embedding(indices, weight): expected whole numbers from 0 to 9, got NaN at [0]. Number the rows from 0, and give the table a row for each.",
        "DataError: embedding(indices, weight): expected whole numbers from 0 to 9, got 10. Number the rows from 0, and give the table a row for each.",
        "ShapeError: tensor(data): expected nested arrays of equal length 1 along axis 1, got an array of length 2. Make all rows equally long and fill them with numbers.",
        "ShapeError: embedding(indices, weight): expected indices of rank up to 4, and a weight (numEmbeddings, embeddingDim) of at most 16777216 rows, got 1×1×1×1×1 and 10×2. Reshape one of them.",
        "ShapeError: embedding(indices, weight): expected indices of rank up to 4, and a weight (numEmbeddings, embeddingDim) of at most 16777216 rows, got 1 and 2×3×4. Reshape one of them.",
        "ArgumentError: embedding(indices, weight): expected paddingIdx to be a row from 0 to 1, got 2. Name the row that padding has, or leave it out.",
        "ArgumentError: new Embedding(numEmbeddings, embeddingDim): expected numEmbeddings to be a whole number of at least 1, got 0. Correct numEmbeddings.",
        "ArgumentError: new Embedding(numEmbeddings, embeddingDim): expected embeddingDim to be a whole number of at least 1, got 1.5. Correct embeddingDim.",
        "ArgumentError: new Embedding(numEmbeddings, embeddingDim): expected at most 16777216 rows, so that float32 can number them, got 16777217. Split the table, or map rare numbers to one row.",
        "ArgumentError: new Embedding(numEmbeddings, embeddingDim): expected paddingIdx to be a row from 0 to 1, got -1. Name the row that padding has, or leave it out.",
      ]
    `);
  });
});
