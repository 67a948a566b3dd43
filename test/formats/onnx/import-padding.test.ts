import { tensor } from "evenkeel";
import { exportOnnx, importOnnx } from "evenkeel/onnx";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectClose } from "../../support/close.js";
import { type Attributes, deviates, type ModelParts, onnxModel } from "../../support/onnx-models.js";
import { runOnnx } from "../../support/onnx-runtime.js";

/** Expects an imported model to give what onnxruntime gives, also when it is exported again. */
async function expectSame(
  parts: Omit<ModelParts, "outputs">,
  shape: readonly number[],
  open: readonly (number | string)[] = shape,
) {
  const bytes = onnxModel({ ...parts, inputs: { x: open }, outputs: ["y"] });
  const size = shape.reduce((product, extent) => product * extent, 1);
  const values = deviates(size, 3);
  const { y } = await runOnnx(bytes, { x: { shape, values } });
  const { model } = await importOnnx(bytes);
  const own = (model.eval() as { forward(x: unknown): { shape: readonly number[]; dataSync(): Float32Array } }).forward(
    tensor(Float32Array.from(values), [...shape]),
  );
  expect(own.shape).toEqual(y.dims);
  expectClose(own.dataSync(), y.values, 1e-5);
  if (open !== shape) return;
  const again = await exportOnnx(model, { inputShape: shape.slice(1) });
  const [other] = Object.values(await runOnnx(again, { input: { shape, values } }));
  expectClose(other.values, y.values, 1e-5);
}

const windows = fc
  .record({
    size: fc.tuple(fc.integer({ min: 4, max: 9 }), fc.integer({ min: 4, max: 9 })),
    kernel: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
    stride: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    pads: fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }),
    mode: fc.constantFrom("NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"),
  })
  .map(({ size, kernel, stride, pads, mode }) => {
    const own = pads.map((width, k) => Math.min(width, kernel[k % 2] - 1));
    const padding: Attributes = mode === "NOTSET" ? { pads: own } : { auto_pad: mode };
    // onnxruntime refuses SAME padding of windows that leave places out.
    const strides = stride.map((step, axis) => (mode === "NOTSET" ? step : Math.min(step, kernel[axis])));
    return { size, attributes: { kernel_shape: kernel, strides, ...padding }, kernel, mode };
  });

describe("importOnnx takes padding that differs between two sides", () => {
  test("of any Conv", async () => {
    await fc.assert(
      fc.asyncProperty(windows, async ({ size, attributes, kernel }) => {
        const constants = { w: { shape: [3, 2, ...kernel] } };
        await expectSame({ nodes: [["Conv", ["x", "w"], ["y"], attributes]], constants }, [2, 2, ...size]);
      }),
      { numRuns: 30, seed: 1 },
    );
  });

  test.each(["MaxPool", "AveragePool"])("of any %s, with windows that reach beyond the plane", async (op) => {
    await fc.assert(
      fc.asyncProperty(windows, fc.boolean(), fc.boolean(), async ({ size, attributes, mode }, isCeil, counts) => {
        const more = {
          ...(isCeil && mode === "NOTSET" ? { ceil_mode: 1 } : {}),
          ...(op === "AveragePool" && counts ? { count_include_pad: 1 } : {}),
        };
        await expectSame({ opset: 19, ir: 9, nodes: [[op, ["x"], ["y"], { ...attributes, ...more }]] }, [
          2,
          3,
          ...size,
        ]);
      }),
      { numRuns: 60, seed: 2 },
    );
  });

  test("of a MaxPool with ceil_mode, of planes of any size", async () => {
    const attributes = { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 };
    const parts = { nodes: [["MaxPool", ["x"], ["y"], attributes]] } as const;
    for (const extent of [5, 6, 7, 8]) await expectSame({ ...parts }, [1, 2, extent, extent], ["N", 2, "H", "W"]);
  });

  test.each([
    ["zeros", { mode: "constant" }, 0],
    ["another number", { mode: "constant" }, -1.5],
    ["the edges", { mode: "edge" }, 0],
  ] as const)("of a Pad with %s, before any operator", async (_, attributes, value) => {
    const constants = {
      p: { shape: [8], values: [0, 1, 0, 2, 0, 0, 3, 1], type: "int64" },
      v: { shape: [], values: [value] },
    } as const;
    await expectSame(
      {
        nodes: [
          ["Pad", ["x", "p", "v"], ["q"], attributes],
          ["Relu", ["q"], ["y"]],
        ],
        constants,
      },
      [2, 2, 4, 4],
    );
  });

  test("of a Conv behind a Pad that is even", async () => {
    const constants = {
      p: { shape: [8], values: [0, 0, 1, 2, 0, 0, 1, 2], type: "int64" },
      w: { shape: [3, 2, 2, 3] },
    } as const;
    const conv = { pads: [0, 1, 1, 0], strides: [2, 1] };
    await expectSame(
      {
        nodes: [
          ["Pad", ["x", "p"], ["q"], {}],
          ["Conv", ["q", "w"], ["y"], conv],
        ],
        constants,
      },
      [2, 2, 5, 4],
    );
  });

  test("of windows in one and three dimensions", async () => {
    const ceil = { kernel_shape: [3], strides: [2], ceil_mode: 1, pads: [1, 0] };
    const volumes = { kernel_shape: [2, 3, 2], strides: [2, 1, 2], pads: [1, 0, 0, 0, 2, 1] };
    const counted = { ...volumes, count_include_pad: 1 };
    const signals = { w: { shape: [3, 2, 4] }, v: { shape: [2, 3, 4] } };
    await expectSame({ nodes: [["MaxPool", ["x"], ["y"], ceil]] }, [2, 3, 8]);
    await expectSame({ nodes: [["AveragePool", ["x"], ["y"], { ...ceil, ceil_mode: 0 }]] }, [2, 3, 8]);
    await expectSame({ nodes: [["MaxPool", ["x"], ["y"], volumes]] }, [2, 3, 4, 5, 4]);
    await expectSame({ nodes: [["AveragePool", ["x"], ["y"], counted]] }, [2, 3, 4, 5, 4]);
    await expectSame({ nodes: [["GlobalMaxPool", ["x"], ["y"]]] }, [2, 3, 4, 5]);
    await expectSame(
      { nodes: [["Conv", ["x", "w"], ["y"], { pads: [2, 1], strides: [2] }]], constants: signals },
      [2, 2, 9],
    );
    await expectSame(
      {
        nodes: [["ConvTranspose", ["x", "v"], ["y"], { pads: [1, 1], strides: [3], output_padding: [2] }]],
        constants: signals,
      },
      [2, 2, 5],
    );
    const cubes = { w: { shape: [4, 1, 2, 3, 2] } };
    await expectSame(
      {
        nodes: [["Conv", ["x", "w"], ["y"], { pads: [1, 0, 0, 0, 2, 1], strides: [2, 1, 2], group: 2 }]],
        constants: cubes,
      },
      [2, 2, 4, 5, 4],
    );
  });

  test("left to the sizes, of planes of any size", async () => {
    const attributes = { kernel_shape: [3, 2], strides: [2, 1], auto_pad: "SAME_UPPER" };
    const constants = { w: { shape: [3, 2, 3, 2] } };
    for (const op of ["MaxPool", "AveragePool", "Conv"]) {
      const inputs = op === "Conv" ? ["x", "w"] : ["x"];
      const parts = { nodes: [[op, inputs, ["y"], attributes]], ...(op === "Conv" ? { constants } : {}) } as const;
      for (const extent of [4, 5, 7]) await expectSame({ ...parts }, [1, 2, extent, extent], ["N", 2, "H", "W"]);
    }
  });

  test("and says where a size must be known", async () => {
    const refusals: string[] = [];
    for (const node of [
      ["Conv", ["x", "w"], ["y"], { auto_pad: "SAME_LOWER", strides: [2, 2] }],
      ["MaxPool", ["x"], ["y"], { auto_pad: "SAME_LOWER", kernel_shape: [3, 3], strides: [2, 2] }],
      ["Pad", ["x", "p"], ["y"], { mode: "reflect" }],
      ["Pad", ["x", "q"], ["y"], {}],
      ["MaxPool", ["x"], ["y"], { kernel_shape: [2, 2], pads: [0, 0, 2, 2] }],
    ] as const) {
      const bytes = onnxModel({
        inputs: { x: ["N", 2, "H", "W"] },
        outputs: ["y"],
        nodes: [node],
        constants: {
          w: { shape: [3, 2, 3, 3] },
          p: { shape: [8], values: [0, 0, 1, 1, 0, 0, 1, 1], type: "int64" },
          q: { shape: [8], values: [0, 0, -1, 1, 0, 0, 1, 1], type: "int64" },
        },
      });
      refusals.push(await importOnnx(bytes).then(String, ({ message }: Error) => message.replace(/ Leave this.*/, "")));
    }
    expect(refusals).toMatchInlineSnapshot(`
      [
        "importOnnx(bytes), Conv Conv_y: expected what a layer or op of Evenkeel does, got auto_pad SAME_LOWER with strides, for planes whose size is not known.",
        "importOnnx(bytes), MaxPool MaxPool_y: expected what a layer or op of Evenkeel does, got auto_pad SAME_LOWER with strides, for planes whose size is not known.",
        "[object Object]",
        "importOnnx(bytes), Pad Pad_y: expected what a layer or op of Evenkeel does, got widths below 0.",
        "importOnnx(bytes), MaxPool MaxPool_y: expected what a layer or op of Evenkeel does, got padding 0×0 and 2×2 of windows 2×2, some of which hold no value.",
      ]
    `);
  });
});
