import {
  AvgPool2d,
  BatchNorm,
  Conv2d,
  Dropout,
  ELU,
  Flatten,
  GELU,
  GlobalAvgPool2d,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  LeakyReLU,
  Linear,
  loadModel,
  MaxPool2d,
  Module,
  noGrad,
  onWarning,
  parseIdx,
  ReLU,
  Residual,
  RmsNorm,
  Sequential,
  Sigmoid,
  SiLU,
  Softmax,
  saveModel,
  Tanh,
  type Tensor,
  tensor,
  writeSafetensors,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { normal } from "../../support/seeded.js";

describe("saveModel and loadModel", () => {
  test("keep every layer, its state and the meta", () => {
    const model = new Sequential(
      new Conv2d(2, 4, [3, 1], { padding: [1, 0], groups: 2, bias: false }),
      new BatchNorm(4, { eps: 1e-3, momentum: "cumulative", unbiased: true }),
      new RmsNorm(4, { channelsFirst: true, affine: false }),
      new GroupNorm(2, 4, { eps: 1e-3 }),
      new InstanceNorm(4, { trackRunningStats: true, momentum: 0.9, affine: false }),
      new Residual(new Sequential(new GELU(), new Conv2d(4, 4, 1)), new Conv2d(4, 4, 1)),
      new Residual(new SiLU()),
      new MaxPool2d(2),
      new AvgPool2d(2, { stride: 1 }),
      new LeakyReLU(0.3),
      new ELU(2),
      new Dropout(0.1),
      new GlobalAvgPool2d(),
      new Flatten(),
      new Linear(4, 3),
      new LayerNorm([3], { eps: 1e-4 }),
      new RmsNorm(3, { eps: 1e-3 }),
      new BatchNorm(3, { affine: false, trackRunningStats: false }),
      new ReLU(),
      new Tanh(),
      new Sigmoid(),
      new Softmax(),
    );
    const x = normal([8, 2, 6, 6], 1);
    noGrad(() => model.forward(x));
    const { model: copy, meta } = loadModel(saveModel(model, { classes: ["a", "b", "c"], note: { deep: [1, 2] } }));
    expect(meta).toEqual({ classes: ["a", "b", "c"], note: { deep: [1, 2] } });
    expect(copy.toString()).toBe(model.toString());
    expect(copy.eval().forward(x).dataSync()).toEqual(model.eval().forward(x).dataSync());
  });

  test("networks with classes of one's own load into a network that is given", () => {
    class Own extends Module {
      readonly layer = new Linear(2, 2);
      override forward(x: Tensor): Tensor {
        return this.layer.forward(x);
      }
    }
    const warnings: string[] = [];
    onWarning((message) => warnings.push(message));
    const bytes = saveModel(new Own(), { note: 1 });
    expect(warnings).toMatchInlineSnapshot(`
      [
        "saveModel(Own): the file holds parameters alone, and loads into a network of the same classes. Pass meta.inputShape or { probe } to store the network itself.",
      ]
    `);
    expect(() => loadModel(bytes)).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: loadModel(bytes): expected the architecture in the file's metadata, got a network with classes of its own. Build the network and pass it: loadModel(bytes, network).]`,
    );
    expect(loadModel(bytes, new Own()).meta).toEqual({ note: 1 });
    const foreign = writeSafetensors({ weight: tensor([1]) });
    expect(() => loadModel(foreign)).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: loadModel(bytes): expected the architecture in the file's metadata, got a file of another program. Build the network and pass it: loadModel(bytes, network).]`,
    );
    const unknown = writeSafetensors(
      {},
      { evenkeel: JSON.stringify({ format: 1, architecture: { type: "Warp", arguments: [] } }) },
    );
    expect(() => loadModel(unknown)).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: loadModel(bytes): expected one of Evenkeel's layers, got "Warp". Load it with the version of Evenkeel that wrote it, or a newer one.]`,
    );
    expect(() => loadModel(writeSafetensors({}, { evenkeel: "{}" }))).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: loadModel(bytes): expected format 1 in the metadata, got undefined. Load it with the version of Evenkeel that wrote it, or a newer one.]`,
    );
  });
});

describe("IDX", () => {
  test("is read, and refused where damaged", () => {
    const bytes = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6);
    expect(parseIdx(bytes)).toEqual({ shape: [2, 3], values: Uint8Array.of(1, 2, 3, 4, 5, 6) });
    const messages = [bytes.subarray(0, 3), bytes.subarray(0, 9), bytes.subarray(0, 17), Uint8Array.of(1, 2, 3, 4)].map(
      (part) => {
        try {
          parseIdx(part, "train-images");
          return "nothing was thrown";
        } catch (error) {
          return String(error);
        }
      },
    );
    expect(messages).toMatchInlineSnapshot(`
      [
        "FormatError: parseIdx(train-images): expected at least 4 bytes, got 3. Check that the file is a complete IDX file.",
        "FormatError: parseIdx(train-images): expected 2 sizes of 4 bytes, got 9 bytes in all. Check that the file is a complete IDX file.",
        "FormatError: parseIdx(train-images): expected 6 values for shape 2×3, got 5. Check that the file is a complete IDX file.",
        "FormatError: parseIdx(train-images): expected the IDX bytes 0, 0, 8 (unsigned bytes), got 1, 2, 3. Check that the file is a complete IDX file.",
      ]
    `);
  });
});
