import {
  cnn,
  FilterResponseNorm,
  loadModel,
  type Module,
  mlp,
  onWarning,
  resnet,
  saveModel,
  seed,
  setBackend,
} from "evenkeel";
import { exportOnnx, verifyOnnxExport } from "evenkeel/onnx";
import { beforeEach, expect, test } from "vitest";
import { messageOf } from "../support/message-of.js";
import { normal } from "../support/seeded.js";

const names = [
  "lrn",
  "pixel",
  "dyt",
  "frn",
  "switchable",
  "batch-instance",
  "scale",
  "evonorm-b0",
  "evonorm-s0",
  "whitening",
] as const;
const size = { inputShape: [1, 8, 8], classes: 3 };

beforeEach(() => {
  seed(1);
  setBackend("wasm");
  onWarning(() => {});
});

/** The layers between the first and the last, as a line. */
const linesOf = (model: Module): string =>
  model
    .children()
    .map(([, layer]) => String(layer))
    .filter((layer) => !/^(Conv2d|Linear|MaxPool2d|Flatten)/.test(layer))
    .join(" ");

test("names of norms stand for these layers, and an activation behind those that are none", () => {
  const table = names.map((norm) => {
    const images = norm === "scale" ? "refused" : linesOf(cnn({ ...size, norm }));
    return `${norm}: ${images}; ${linesOf(mlp({ ...size, norm, widths: [12] }))}`;
  });
  expect(table).toMatchInlineSnapshot(`
    [
      "lrn: LocalResponseNorm(5) ReLU() LocalResponseNorm(5) ReLU() LocalResponseNorm(5) ReLU(); LocalResponseNorm(5) ReLU()",
      "pixel: PixelNorm() ReLU() PixelNorm() ReLU() PixelNorm() ReLU(); PixelNorm() ReLU()",
      "dyt: DynamicTanh(16) ReLU() DynamicTanh(32) ReLU() DynamicTanh(128) ReLU(); DynamicTanh(12) ReLU()",
      "frn: FilterResponseNorm(16) FilterResponseNorm(32) RmsNorm(128) ReLU(); RmsNorm(12) ReLU()",
      "switchable: SwitchableNorm(16) ReLU() SwitchableNorm(32) ReLU() BatchNorm(128) ReLU(); BatchNorm(12) ReLU()",
      "batch-instance: BatchInstanceNorm(16) ReLU() BatchInstanceNorm(32) ReLU() BatchNorm(128) ReLU(); BatchNorm(12) ReLU()",
      "scale: refused; ScaleNorm(12) ReLU()",
      "evonorm-b0: EvoNorm(16, B0) EvoNorm(32, B0) EvoNorm(128, B0); EvoNorm(12, B0)",
      "evonorm-s0: EvoNorm(16, S0) EvoNorm(32, S0) EvoNorm(128, S0); EvoNorm(12, S0)",
      "whitening: WhiteningBatchNorm(16) ReLU() WhiteningBatchNorm(32) ReLU() WhiteningBatchNorm(128) ReLU(); WhiteningBatchNorm(12) ReLU()",
    ]
  `);
  // In a residual block the first norm has an activation, the second and that of the shortcut have none.
  const thresholds = resnet({ ...size, norm: "frn", blocks: 1 })
    .namedModules()
    .flatMap(([, module]) => (module instanceof FilterResponseNorm ? [module.threshold !== null] : []));
  expect(thresholds).toEqual([true, true, false, true, false, false, true, false, false]);
});

test.each(names)("networks with %s train, and come back from files", async (norm) => {
  const builders = { mlp, cnn, resnet };
  for (const name of ["mlp", "cnn", "resnet"] as const) {
    if (norm === "scale" && name !== "mlp") continue;
    if (norm.startsWith("evonorm") && name === "resnet") continue;
    const model = builders[name]({ ...size, norm, ...(name === "resnet" ? { blocks: 1 } : {}) });
    const x = normal([9, 1, 8, 8], 6);
    model.forward(x).backward(normal([9, 3], 7));
    for (const [key, p] of model.namedParameters()) {
      expect(p.grad?.dataSync().every(Number.isFinite), `${name} ${key}`).toBe(true);
    }
    model.eval();
    const { model: copy } = loadModel(saveModel(model));
    expect(copy.eval().forward(x).dataSync()).toEqual(model.forward(x).dataSync());
    const bytes = await exportOnnx(model, { inputShape: size.inputShape });
    expect((await verifyOnnxExport(bytes, model)).maxRelative).toBeLessThan(1e-4);
  }
});

test("says where a norm cannot stand", () => {
  const refused = [
    () => cnn({ ...size, norm: "scale" }),
    () => resnet({ ...size, norm: "evonorm-s0" }),
    () => cnn({ ...size, norm: "dyt", normEps: 1e-3 }),
    () => cnn({ ...size, norm: "evonorm-b0", groups: 4 }),
  ];
  expect(refused.map(messageOf)).toMatchInlineSnapshot(`
    [
      "ArgumentError: norm scale: expected vectors, since it normalises the last axis, got images, whose last axis is their width. Choose pixel, which normalises the channels of each position.",
      "ArgumentError: norm evonorm-s0: expected places with an activation behind, since it is one itself, got one without, such as the end of a residual block. Choose frn, which has none there, or a network without residual blocks.",
      "ArgumentError: cnn({ normEps }): expected a norm that has a use for it: batch, layer, instance, group, rms, ghost, renorm, pixel, scale, frn, evonorm-b0, evonorm-s0, switchable, batch-instance, whitening, got norm dyt. Leave normEps out, or choose another norm.",
      "ArgumentError: cnn({ groups }): expected a norm that has a use for it: group, evonorm-s0, got norm evonorm-b0. Leave groups out, or choose another norm.",
    ]
  `);
});
