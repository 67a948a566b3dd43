import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { inspectOnnx, recalibrateOnnx, repairOnnx } from "evenkeel/onnx";
import { ModelProtoSchema } from "onnx-buf";
import { describe, expect, test } from "vitest";
import { deviates, normConstants, normNode, onnxModel } from "../../support/onnx-models.js";
import { runOnnx } from "../../support/onnx-runtime.js";

const model = (opset: number): Uint8Array =>
  onnxModel({
    opset,
    inputs: { x: ["N", 3, 6, 6] },
    outputs: ["y"],
    nodes: [
      ["Conv", ["x", "w"], ["c"]],
      normNode("n", "c", "d"),
      ["Relu", ["d"], ["e"]],
      ["Conv", ["e", "v"], ["f"]],
      normNode("o", "f", "y"),
    ],
    constants: {
      w: { shape: [4, 3, 3, 3] },
      v: { shape: [2, 4, 3, 3] },
      ...normConstants("n", 4),
      ...normConstants("o", 2, 9),
    },
  });

/** Uneven batches of shifted noise, and all of them as one. */
const samples = [3, 1, 4];
const noise = deviates(8 * 108, 31, 1.5, 2);
let at = 0;
const batches = samples.map((count) => {
  const values = noise.slice(at, at + count * 108);
  at += count * 108;
  return { x: { shape: [count, 3, 6, 6], values } };
});
const whole = { x: { shape: [8, 3, 6, 6], values: noise } };

/** Mean and biased variance of each channel of the outputs. */
function moments(values: Float64Array, channels: number): { mean: number; variance: number }[] {
  const inner = values.length / 8 / channels;
  return Array.from({ length: channels }, (_, c) => {
    const own = values.filter((_, i) => Math.floor(i / inner) % channels === c);
    const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
    return { mean, variance: own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / own.length };
  });
}

describe("recalibrateOnnx", () => {
  test("a norm behind a Dropout in training mode is left and says so, until the model is repaired", async () => {
    const noisy = onnxModel({
      opset: 15,
      inputs: { x: ["N", 3, 6, 6] },
      outputs: ["y"],
      nodes: [
        normNode("n", "x", "c"),
        ["Dropout", ["c", "ratio", "on"], ["d"]],
        ["Relu", ["d"], ["e"]],
        normNode("o", "e", "y"),
      ],
      constants: {
        ...{ ratio: { shape: [], values: [0.5] }, on: { shape: [], values: [1], type: "bool" } },
        ...normConstants("n", 3),
        ...normConstants("o", 3, 9),
      },
    });
    const { norms, left } = await recalibrateOnnx(noisy, batches);
    expect(norms.map(({ norm }) => norm)).toEqual(["BatchNormalization_c"]);
    expect(left).toEqual([
      { norm: "BatchNormalization_y", reason: "a Dropout before it is in training mode; repair the model first" },
    ]);
    const { bytes } = await repairOnnx(noisy);
    expect((await recalibrateOnnx(bytes, batches)).norms.map(({ norm }) => norm)).toEqual([
      "BatchNormalization_c",
      "BatchNormalization_y",
    ]);
  });

  test("statistics that are not finite are replaced by those of the data", async () => {
    const build = (mean: number): Uint8Array =>
      onnxModel({
        opset: 15,
        inputs: { x: ["N", 3, 6, 6] },
        outputs: ["y"],
        nodes: [normNode("n", "x", "y")],
        constants: { ...normConstants("n", 3), "n.mean": { shape: [3], values: [mean, 0, 0] } },
      });
    const { bytes, left } = await recalibrateOnnx(build(Number.NaN), batches);
    expect(left).toEqual([]);
    const { bytes: healthy } = await recalibrateOnnx(build(0), batches);
    expect((await runOnnx(bytes, whole)).y.values).toEqual((await runOnnx(healthy, whole)).y.values);
  });

  test("a norm of a constant keeps its statistics, and others of an old file are measured", async () => {
    const nodes = [
      normNode("n", "w", "v"),
      ["Conv", ["x", "v"], ["c"]],
      normNode("o", "c", "y"),
      ["Add", ["y", "unread"], ["z"]],
    ] as const;
    const constants = {
      ...{ w: { shape: [4, 3, 1, 1] }, unread: { shape: [1] } },
      ...{ ...normConstants("n", 3), ...normConstants("o", 4) },
    };
    const parts = { inputs: { x: ["N", 3, 6, 6] }, outputs: ["z"], nodes, constants };
    const old = fromBinary(ModelProtoSchema, onnxModel(parts));
    old.irVersion = 3n;
    const { norms, left } = await recalibrateOnnx(toBinary(ModelProtoSchema, old), batches);
    expect(norms.map(({ norm }) => norm)).toEqual(["BatchNormalization_y"]);
    expect(left).toEqual([{ norm: "BatchNormalization_v", reason: "its input is constant, such as a weight" }]);
  });

  test("nodes that stand before what they read are gone through in their own order", async () => {
    const bytes = model(15);
    const { bytes: wanted } = await recalibrateOnnx(bytes, batches);
    const reversed = fromBinary(ModelProtoSchema, bytes);
    reversed.graph?.node.reverse();
    const { bytes: moved, norms } = await recalibrateOnnx(toBinary(ModelProtoSchema, reversed), batches);
    expect(norms.map(({ norm }) => norm)).toEqual(["BatchNormalization_d", "BatchNormalization_y"]);
    expect(Buffer.compare(moved, wanted)).toBe(0);
  });

  test.each([9, 18])(
    "makes each norm's output of the data have mean bias and deviation weight, opset %i",
    async (opset) => {
      const bytes = model(opset);
      const before = bytes.slice();
      const { bytes: moved, norms, left, samples: seen } = await recalibrateOnnx(bytes, batches);
      expect(left).toEqual([]);
      expect(bytes).toEqual(before);
      const { y } = await runOnnx(moved, whole);
      const constants = normConstants("o", 2, 9);
      for (const [c, { mean, variance }] of moments(y.values, 2).entries()) {
        expect(mean).toBeCloseTo(constants["o.bias"].values?.[c] ?? Number.NaN, 4);
        expect(Math.sqrt(variance)).toBeCloseTo(Math.abs(constants["o.weight"].values?.[c] ?? Number.NaN), 3);
      }
      expect(seen).toBe(8);
      expect(norms.map(({ norm, values, skipped }) => [norm, values, skipped])).toEqual([
        ["BatchNormalization_d", 8 * 16, 0],
        ["BatchNormalization_y", 8 * 4, 0],
      ]);
      expect(norms[0].drift.mean).toBeGreaterThan(0.1);
    },
  );

  test.each([9, 18])("by batch, one batch of everything gives what going one by one gives, opset %i", async (opset) => {
    const one = await recalibrateOnnx(model(opset), [whole], { mode: "batch" });
    const other = await recalibrateOnnx(model(opset), [whole]);
    const a = (await runOnnx(one.bytes, whole))["y"].values;
    const b = (await runOnnx(other.bytes, whole))["y"].values;
    for (const [i, value] of a.entries()) expect(value).toBeCloseTo(b[i], 4);
  });

  test("blends with the statistics the model had, and leaves out batches that are not finite", async () => {
    const spoilt = { x: { shape: [1, 3, 6, 6], values: new Array<number>(108).fill(Number.NaN) } };
    const { norms } = await recalibrateOnnx(model(15), [...batches, spoilt]);
    expect(norms.map(({ skipped }) => skipped)).toEqual([1, 1]);
    const range = async (blend: number): Promise<number> => {
      const { bytes } = await recalibrateOnnx(model(15), batches, { blend });
      return (await inspectOnnx(bytes)).norms[0].parameters["mean"].mean;
    };
    const own = (await inspectOnnx(model(15))).norms[0].parameters["mean"].mean;
    expect(await range(8)).toBeCloseTo((own + (await range(0))) / 2, 5);
  });

  test("what cannot be done is refused in words", async () => {
    const refused = async (...args: Parameters<typeof recalibrateOnnx>): Promise<string> =>
      recalibrateOnnx(...args).then(
        () => "taken",
        (error: Error) => error.message,
      );
    const once = batches[Symbol.iterator]();
    expect([
      await refused(model(15), []),
      await refused(model(15), once),
      await refused(model(15), batches, { blend: -1 }),
      await refused(model(15), [{ z: whole.x }]),
    ]).toMatchInlineSnapshot(`
      [
        "recalibrateOnnx(bytes, data): expected batches, got none. Pass an array of batches, or an object whose iterator starts anew.",
        "recalibrateOnnx(bytes, data): expected the same 8 samples in each pass, got none. Pass an array of batches, or an object whose iterator starts anew.",
        "recalibrateOnnx(bytes, data): expected blend to be a finite number of samples, at least 0, got -1. Pass how many samples the old statistics count for.",
        "recalibrateOnnx(bytes, data): expected values for the input x, got none. Pass them too.",
      ]
    `);
  });
});
