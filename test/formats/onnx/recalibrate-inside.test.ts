import { inspectOnnx, type RecalibrateOnnxOptions, recalibrateOnnx } from "evenkeel/onnx";
import { describe, expect, test } from "vitest";
import {
  deviates,
  type ModelParts,
  type NodeParts,
  normConstants,
  normNode,
  onnxModel,
} from "../../support/onnx-models.js";
import { runOnnx } from "../../support/onnx-runtime.js";

const constants = {
  w: { shape: [2, 2, 3, 3] },
  v: { shape: [2, 2, 3, 3] },
  zero: { shape: [], values: [0] },
  ...normConstants("n", 2),
  ...normConstants("o", 2, 9),
};
const images = (count: number, seed: number, mean: number) => ({
  x: { shape: [count, 2, 7, 7], values: deviates(count * 98, seed, mean, 2) },
});
const batches = [images(3, 1, 1), images(1, 2, -1), images(2, 3, 1), images(4, 4, -1)];

type Batch = (typeof batches)[number];

/** Mean and biased variance of each of two channels of what a model gives in all its outputs, over batches. */
async function moments(nodes: readonly NodeParts[], outputs: readonly string[], data: readonly Batch[]) {
  const bytes = onnxModel({ inputs: { x: ["N", 2, "H", "W"] }, outputs, nodes, constants });
  const values: [number[], number[]] = [[], []];
  for (const batch of data) {
    for (const { dims, values: all } of Object.values(await runOnnx(bytes, batch))) {
      const plane = dims[2] * dims[3];
      all.forEach((value, i) => {
        values[Math.floor(i / plane) % 2].push(value);
      });
    }
  }
  const mean = values.map((own) => own.reduce((sum, value) => sum + value, 0) / own.length);
  const variance = values.map((own, c) => own.reduce((sum, value) => sum + (value - mean[c]) ** 2, 0) / own.length);
  return { mean, variance, values: values[0].length };
}

/** The statistics of the norms of a model after recalibration, by place, smallest channel first. */
async function recalibrated(bytes: Uint8Array, data: readonly Batch[], options: RecalibrateOnnxOptions = {}) {
  const { bytes: after, ...result } = await recalibrateOnnx(bytes, data, options);
  const { norms } = await inspectOnnx(after);
  const statistics = norms.map(({ place, parameters }) => {
    const of = (name: string) => [parameters[name].min, parameters[name].max];
    return { place, mean: of("mean"), variance: of("variance") };
  });
  return { after, ...result, statistics };
}

function expectStatistics(
  measured: { readonly mean: readonly number[]; readonly variance: readonly number[] },
  expected: Awaited<ReturnType<typeof moments>>,
): void {
  for (const name of ["mean", "variance"] as const) {
    const sorted = expected[name].toSorted((a, b) => a - b);
    for (const [k, value] of sorted.entries()) expect(measured[name][k]).toBeCloseTo(value, 5);
  }
}

/** A branch of two layers in a row, whose names begin with its own. */
const branch = (name: string, weight: string) => ({
  nodes: [
    ["Conv", ["x", weight], [`${name}c`]],
    normNode("n", `${name}c`, `${name}d`),
    ["Conv", [`${name}d`, weight], [`${name}e`]],
    normNode("o", `${name}e`, name),
  ] as const,
  outputs: [name],
});

const choice: readonly NodeParts[] = [
  ["ReduceSum", ["x"], ["s"], { keepdims: 0 }],
  ["Greater", ["s", "zero"], ["b"]],
];

describe("recalibrateOnnx of norms inside other graphs", () => {
  test.each([9, 13, 18] as const)("measures each branch of If by the batches that take it, opset %i", async (opset) => {
    const bytes = onnxModel({
      opset,
      inputs: { x: ["N", 2, 7, 7] },
      outputs: ["z"],
      nodes: [
        ...choice,
        ["If", ["b"], ["y"], { then_branch: branch("t", "w"), else_branch: branch("e", "v") }],
        normNode("n", "y", "z"),
      ],
      constants,
    });
    const { norms, left, statistics } = await recalibrated(bytes, batches);
    expect(left).toEqual([]);
    expect(norms.map(({ norm, values, skipped }) => [norm, values, skipped])).toEqual([
      ["If_y.then_branch/BatchNormalization_td", 5 * 25, 0],
      ["If_y.then_branch/BatchNormalization_t", 5 * 9, 0],
      ["If_y.else_branch/BatchNormalization_ed", 5 * 25, 0],
      ["If_y.else_branch/BatchNormalization_e", 5 * 9, 0],
      ["BatchNormalization_z", 10 * 9, 0],
    ]);
    const first = (weight: string): NodeParts[] => [["Conv", ["x", weight], ["y"]]];
    const place = (end: string) => statistics.find(({ place: one }) => one.endsWith(end)) ?? expect.fail(end);
    expectStatistics(place("_td"), await moments(first("w"), ["y"], [batches[0], batches[2]]));
    expectStatistics(place("_ed"), await moments(first("v"), ["y"], [batches[1], batches[3]]));
  });

  test.each(["sequential", "batch"] as const)(
    "gives what two models of one branch each give, mode %s",
    async (mode) => {
      const both = onnxModel({
        inputs: { x: ["N", 2, 7, 7] },
        outputs: ["y"],
        nodes: [...choice, ["If", ["b"], ["y"], { then_branch: branch("t", "w"), else_branch: branch("e", "v") }]],
        constants,
      });
      const one = onnxModel({ inputs: { x: ["N", 2, 7, 7] }, constants, ...branch("t", "w") });
      const inside = await recalibrated(both, batches, { mode });
      const alone = await recalibrated(one, [batches[0], batches[2]], { mode });
      for (const [k, { mean, variance }] of alone.statistics.entries()) {
        for (const c of [0, 1]) {
          expect(inside.statistics[k].mean[c]).toBeCloseTo(mean[c], 5);
          expect(inside.statistics[k].variance[c]).toBeCloseTo(variance[c], 5);
        }
      }
      const [a, b] = await Promise.all([inside.after, alone.after].map((bytes) => runOnnx(bytes, batches[2])));
      for (const [i, value] of b["t"].values.entries()) expect(a["y"].values[i]).toBeCloseTo(value, 4);
    },
  );

  const loop = (nodes: readonly NodeParts[], more: ModelParts["constants"] = {}) =>
    onnxModel({
      inputs: { x: ["N", 2, 7, 7] },
      outputs: ["y"],
      nodes: [
        [
          "Loop",
          ["trips", "", "x"],
          ["y"],
          {
            body: {
              inputs: { i: [], go: [], t: ["N", 2, "H", "W"] },
              types: { i: "int64", go: "bool", on: "bool" },
              nodes: [["Identity", ["go"], ["on"]], ...nodes],
              outputs: ["on", "u"],
            },
          },
        ],
      ],
      constants: {
        ...constants,
        trips: { shape: [], values: [3], type: "int64" },
        one: { shape: [], values: [1], type: "int64" },
        ...more,
      },
    });

  test("measures every round of Loop, of whatever shape", async () => {
    const { norms, statistics } = await recalibrated(
      loop([normNode("n", "t", "d"), ["Conv", ["d", "w"], ["u"]]]),
      batches,
    );
    const unrolled = [0, 1, 2].flatMap((k): NodeParts[] => [
      ["Identity", [k === 0 ? "x" : `u${k}`], [`t${k}`]],
      normNode("n", `t${k}`, `d${k}`),
      ["Conv", [`d${k}`, "w"], [`u${k + 1}`]],
    ]);
    const expected = await moments(unrolled, ["t0", "t1", "t2"], batches);
    expect(norms[0].values).toBe(expected.values);
    expectStatistics(statistics[0], expected);
  });

  test("leaves out a batch as a whole, and counts it once, if rounds of it are not finite", async () => {
    const bytes = loop([normNode("n", "t", "d"), ["Mul", ["d", "large"], ["u"]]], {
      large: { shape: [], values: [1e4] },
    });
    const scaled = (factor: number): Batch => {
      const { shape, values } = batches[0].x;
      return { x: { shape, values: values.map((value) => value * factor) } };
    };
    const whole = await recalibrateOnnx(bytes, batches);
    // The last round of one batch overflows, all rounds of the other are not numbers.
    const { norms, bytes: after } = await recalibrateOnnx(bytes, [scaled(1e32), ...batches, scaled(Number.NaN)]);
    expect(norms[0]).toEqual({ ...whole.norms[0], skipped: 2 });
    expect(after).toEqual(whole.bytes);
  });

  test("measures a branch inside a loop in the rounds that take it", async () => {
    const bytes = loop([
      ["Equal", ["i", "one"], ["c"]],
      [
        "If",
        ["c"],
        ["u"],
        {
          then_branch: { nodes: [["Conv", ["t", "w"], ["f"]], normNode("n", "f", "g")], outputs: ["g"] },
          else_branch: { nodes: [["Neg", ["t"], ["h"]]], outputs: ["h"] },
        },
      ],
    ]);
    const { norms, statistics } = await recalibrated(bytes, batches);
    const expected = await moments(
      [
        ["Neg", ["x"], ["m"]],
        ["Conv", ["m", "w"], ["y"]],
      ],
      ["y"],
      batches,
    );
    expect(norms.map(({ norm, values }) => [norm, values])).toEqual([
      ["Loop_y.body/If_u.then_branch/BatchNormalization_g", expected.values],
    ]);
    expectStatistics(statistics[0], expected);
  });

  test.each([{}, { scan_output_axes: [1], scan_output_directions: [1] }])(
    "measures every step of Scan, %o",
    async (more) => {
      const bytes = onnxModel({
        inputs: { s: [2], x: ["N", 2, 7, 7] },
        outputs: ["z", "y"],
        nodes: [
          [
            "Scan",
            ["s", "x"],
            ["z", "y"],
            {
              num_scan_inputs: 1,
              ...more,
              body: {
                inputs: { t: [2], e: [2, 7, 7] },
                nodes: [
                  ["Unsqueeze", ["e", "axis"], ["c"]],
                  normNode("n", "c", "d"),
                  ["ReduceMax", ["d"], ["r"], { axes: [0, 2, 3], keepdims: 0 }],
                  ["Add", ["t", "r"], ["u"]],
                ],
                outputs: ["u", "r"],
              },
            },
          ],
        ],
        constants: { ...constants, axis: { shape: [1], values: [0], type: "int64" } },
      });
      const data = batches.map((batch) => ({ ...batch, s: { shape: [2], values: [0, 0] } }));
      const { norms, statistics, samples } = await recalibrated(bytes, data);
      const expected = await moments([["Identity", ["x"], ["y"]]], ["y"], batches);
      expect([norms[0].values, samples]).toEqual([expected.values, 4 * 2]);
      expectStatistics(statistics[0], expected);
    },
  );

  test("says of each norm that is left why it is", async () => {
    const inner: NodeParts = [
      "Loop",
      ["i", "", "t"],
      ["u"],
      {
        body: {
          inputs: { j: [], go2: [], v: ["N", 2, "H", "W"] },
          types: { j: "int64", go2: "bool", on2: "bool" },
          nodes: [["Identity", ["go2"], ["on2"]], normNode("n", "v", "z")],
          outputs: ["on2", "z"],
        },
      },
    ];
    expect((await recalibrateOnnx(loop([inner]), batches)).left).toMatchInlineSnapshot(`
      [
        {
          "norm": "Loop_y.body/Loop_u.body/BatchNormalization_z",
          "reason": "it stands in a loop inside a loop, whose rounds may differ in number",
        },
      ]
    `);
    const named = [["Relu", ["m"], ["mm"]], normNode("n", "mm", "k")] as const;
    const map: NodeParts = ["SequenceMap", ["q"], ["r"], { body: { inputs: { m: [] }, nodes: named, outputs: ["k"] } }];
    const bytes = onnxModel({
      opset: 17,
      inputs: { x: ["N", 2, 7, 7] },
      outputs: ["y"],
      nodes: [
        ...choice,
        ["SequenceConstruct", ["x"], ["q"]],
        map,
        [
          "If",
          ["b"],
          ["y"],
          {
            then_branch: { nodes: [["Anything", ["x"], ["a"]], normNode("n", "a", "g")], outputs: ["g"] },
            else_branch: { nodes: [normNode("o", "x", "h", { training_mode: 1 })], outputs: ["h"] },
          },
        ],
      ],
      constants,
    });
    expect((await recalibrateOnnx(bytes, batches)).left).toMatchInlineSnapshot(`
      [
        {
          "norm": "SequenceMap_r.body/BatchNormalization_k",
          "reason": "it stands in a graph inside SequenceMap SequenceMap_r, which does not hand its values out",
        },
        {
          "norm": "If_y.then_branch/BatchNormalization_g",
          "reason": "the number of axes of its input is unknown",
        },
        {
          "norm": "If_y.else_branch/BatchNormalization_h",
          "reason": "it normalises by the batch (training mode): repair the model first",
        },
      ]
    `);
    const never = onnxModel({
      inputs: { x: ["N", 2, 7, 7] },
      outputs: ["y"],
      nodes: [...choice, ["If", ["b"], ["y"], { then_branch: branch("t", "w"), else_branch: branch("e", "v") }]],
      constants,
    });
    const { norms, left } = await recalibrateOnnx(never, [batches[0]]);
    expect(norms).toHaveLength(2);
    expect(left).toMatchInlineSnapshot(`
      [
        {
          "norm": "If_y.else_branch/BatchNormalization_ed",
          "reason": "it saw 0 values in each channel, where a variance takes 2",
        },
        {
          "norm": "If_y.else_branch/BatchNormalization_e",
          "reason": "it saw 0 values in each channel, where a variance takes 2",
        },
      ]
    `);
  });
});
