import { foldTfjs, inspectTfjs } from "evenkeel/tfjs";
import { describe, expect, test } from "vitest";
import {
  functional,
  type LayerSketch,
  layer,
  norm,
  sequential,
  sequentialJson,
  tfjsModel,
} from "../../support/tfjs-models.js";

const vector = { batch_input_shape: [null, 2] };
const dense = layer(
  "Dense",
  "f",
  { ...vector, units: 2, use_bias: false },
  { kernel: { shape: [2, 2], values: [1, 2, 3, 4] } },
);

describe("inspectTfjs of a layers model", () => {
  test("tells everything about a batch norm", () => {
    const { format, producer, layers, norms } = inspectTfjs(
      tfjsModel(sequentialJson("net", [dense, norm("n")]), [dense, norm("n")], {
        generatedBy: "keras v2.13",
        convertedBy: "TensorFlow.js Converter v4.22.0",
      }),
    );
    expect({ format, producer, layers }).toEqual({
      format: "layers-model",
      producer: "keras v2.13, TensorFlow.js Converter v4.22.0",
      layers: 2,
    });
    expect(norms).toMatchInlineSnapshot(`
      [
        {
          "channels": 2,
          "eps": 0,
          "findings": [
            "eps is 0: a channel without variance gives NaN or infinity",
          ],
          "foldsInto": "Dense f",
          "input": "Dense f",
          "kind": "BatchNormalization",
          "leftBecause": null,
          "mode": "inference",
          "momentum": 0.99,
          "parameters": {
            "bias": {
              "max": 3,
              "mean": 1,
              "min": -1,
            },
            "mean": {
              "max": 2,
              "mean": 1.5,
              "min": 1,
            },
            "variance": {
              "max": 4,
              "mean": 2.125,
              "min": 0.25,
            },
            "weight": {
              "max": 2,
              "mean": 1.5,
              "min": 1,
            },
          },
          "place": "n",
          "settings": {
            "axis": -1,
          },
        },
      ]
    `);
  });

  test("finds every kind of norm, also inside networks and wrappers", () => {
    const affine = { gamma: [1, 2], beta: [0, 0] };
    const kinds = [
      layer("LayerNormalization", "l", { axis: [1], epsilon: 0.01 }, affine),
      layer("GroupNormalization", "g", { groups: 2, scale: false }, { beta: [0, 0] }),
      layer("Addons>InstanceNormalization", "i", {}, affine),
      layer("RMSNormalization", "r", {}, { scale: [1, 1] }),
      layer("UnitNormalization", "u", {}),
      layer("TimeDistributed", "t", {
        layer: { class_name: "BatchNormalization", config: { name: "inside" } },
      }),
    ];
    const inner = sequentialJson("inner", [norm("n")]) as { config: object };
    const json = sequentialJson("net", kinds) as { config: { layers: unknown[] } };
    json.config.layers.push(inner);
    const { layers, norms } = inspectTfjs(tfjsModel(json, [...kinds, norm("n")]));
    expect(layers).toBe(8);
    expect(
      norms.map(({ kind, place, channels, eps, settings, leftBecause }) => [
        ...[kind, place, channels, eps, JSON.stringify(settings), leftBecause],
      ]),
    ).toMatchInlineSnapshot(`
      [
        [
          "LayerNormalization",
          "l",
          2,
          0.01,
          "{"axis":[1]}",
          "it takes its statistics from each input",
        ],
        [
          "GroupNormalization",
          "g",
          2,
          0.001,
          "{"groups":2}",
          "it takes its statistics from each input",
        ],
        [
          "Addons>InstanceNormalization",
          "i",
          2,
          0.001,
          "{}",
          "it takes its statistics from each input",
        ],
        [
          "RMSNormalization",
          "r",
          2,
          0.000001,
          "{}",
          "it takes its statistics from each input",
        ],
        [
          "UnitNormalization",
          "u",
          null,
          null,
          "{}",
          "it takes its statistics from each input",
        ],
        [
          "BatchNormalization",
          "inside",
          null,
          0.001,
          "{}",
          "it stands inside TimeDistributed t",
        ],
        [
          "BatchNormalization",
          "inner/n",
          2,
          0,
          "{"axis":-1}",
          "nothing stands before it; its output is an output of the network inner",
        ],
      ]
    `);
  });

  test("says what is wrong with statistics, weights and settings", () => {
    const given: Record<string, [weights: LayerSketch["weights"], config?: object]> = {
      "never updated": [{ gamma: [1, 1], beta: [0, 0], moving_mean: [0, 0], moving_variance: [1, 1] }],
      "not finite": [{ gamma: [1, Number.NaN], beta: [0, 0], moving_mean: [0, 1], moving_variance: [1, 2] }],
      "a negative variance": [{ gamma: [1, 1], beta: [0, 0], moving_mean: [0, 1], moving_variance: [-1, 2] }],
      "a variance below eps": [
        { gamma: [1, 1], beta: [0, 0], moving_mean: [0, 1], moving_variance: [1e-6, 2] },
        { epsilon: 0.001 },
      ],
      "a weight next to 0": [{ gamma: [1, 1e-9], beta: [0, 0], moving_mean: [0, 1], moving_variance: [1, 2] }],
      "eps 0": [{ gamma: [1, 1], beta: [0, 0], moving_mean: [0, 1], moving_variance: [1, 2] }, { epsilon: 0 }],
      "momentum of PyTorch": [
        { gamma: [1, 1], beta: [0, 0], moving_mean: [0, 1], moving_variance: [1, 2] },
        { momentum: 0.1 },
      ],
      "no statistics": [{ gamma: [1, 1], beta: [0, 0] }],
    };
    const findings = Object.entries(given).map(([name, [weights = {}, config]]) => {
      const [found] = inspectTfjs(
        sequential(layer("BatchNormalization", "n", { ...vector, epsilon: 0.001, ...config }, weights)),
      ).norms;
      return [name, found.findings];
    });
    expect(Object.fromEntries(findings)).toMatchInlineSnapshot(`
      {
        "a negative variance": [
          "running variance: 1 of 2 values are negative",
        ],
        "a variance below eps": [
          "running variance: 1 of 2 values are below eps: those channels hardly vary",
        ],
        "a weight next to 0": [
          "weight: 1 of 2 are next to 0, which switches their channels off",
        ],
        "eps 0": [
          "eps is 0: a channel without variance gives NaN or infinity",
        ],
        "momentum of PyTorch": [
          "momentum 0.1 weighs the old running value in TF.js: PyTorch's convention, exported by mistake; 0.9 is meant",
        ],
        "never updated": [
          "its running statistics were never updated (mean 0, variance 1): recalibrate it",
        ],
        "no statistics": [
          "its mean is missing",
        ],
        "not finite": [
          "weight: 1 of 2 values are NaN or infinite",
        ],
      }
    `);
  });

  test("says what a fold then does, and changes nothing", async () => {
    const files = functional(
      [
        { ...dense, config: { units: 2, use_bias: false }, calls: [["x"]] },
        { ...norm("n"), calls: [["f"]] },
        layer("ReLU", "r", {}, {}, ["n"]),
        { ...norm("m"), calls: [["r"]] },
      ],
      ["m"],
    );
    const before = structuredClone(files);
    const { norms } = inspectTfjs(files);
    const { folded, left } = await foldTfjs(files, { verify: false });
    expect(files).toEqual(before);
    expect(norms.map(({ place, input }) => [place, input])).toEqual([
      ["n", "Dense f"],
      ["m", "ReLU r"],
    ]);
    const foldable = norms.filter(({ foldsInto }) => foldsInto !== null);
    expect(folded).toEqual(foldable.map(({ place, foldsInto }) => ({ norm: place, into: foldsInto })));
    const others = norms.filter(({ leftBecause }) => leftBecause !== null);
    expect(left).toEqual(others.map(({ place, leftBecause }) => ({ norm: place, reason: leftBecause })));
    expect([folded.length, left.length]).toEqual([1, 1]);
  });
});
