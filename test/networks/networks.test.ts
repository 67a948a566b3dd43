import {
  cnn,
  fit,
  loadModel,
  type Module,
  mlp,
  Norm,
  onWarning,
  predict,
  resnet,
  Sgd,
  saveModel,
  seed,
  setBackend,
} from "evenkeel";
import { beforeAll, describe, expect, test } from "vitest";
import { expectClose } from "../support/close.js";
import { normal } from "../support/seeded.js";

beforeAll(() => setBackend("wasm"));

function size(model: Module): number {
  return model.parameters().reduce((total, p) => total + p.size, 0);
}

describe("mlp", () => {
  test("has the widths asked for, with and without norm, for inputs of any rank", () => {
    expect(mlp({ inputShape: [13], classes: 3 }).toString()).toMatchInlineSnapshot(
      `"Sequential(Linear(13, 128), BatchNorm(128), ReLU(), Linear(128, 64), BatchNorm(64), ReLU(), Linear(64, 3))"`,
    );
    expect(
      mlp({ inputShape: [1, 4, 4], classes: 2, widths: [8], norm: "none", dropout: 0.25 }).toString(),
    ).toMatchInlineSnapshot(`"Sequential(Flatten(), Linear(16, 8), ReLU(), Dropout(0.25), Linear(8, 2))"`);
    expect(size(mlp({ inputShape: [13], classes: 3 }))).toBe(13 * 128 + 256 + 128 * 64 + 128 + 64 * 3 + 3);
    expect(size(mlp({ inputShape: [13], classes: 3, norm: "none" }))).toBe(14 * 128 + 129 * 64 + 65 * 3);
    expect(size(mlp({ inputShape: [13], classes: 1, widths: [] }))).toBe(14);
    expect(mlp({ inputShape: [2, 3, 4], classes: 5 }).forward(normal([8, 2, 3, 4], 1)).shape).toEqual([8, 5]);
  });
});

describe("cnn", () => {
  test("is the network of the main job, with and without norm", () => {
    const options = { inputShape: [1, 28, 28], classes: 10 };
    expect(size(cnn(options))).toBe(16 * 9 + 32 + 32 * 144 + 64 + 128 * 1568 + 256 + 1290);
    expect(size(cnn({ ...options, norm: "none" }))).toBe(16 * 9 + 16 + 32 * 144 + 32 + 128 * 1568 + 128 + 1290);
    expect(cnn({ ...options, dropout: 0.5 }).toString()).toContain("ReLU(), Dropout(0.5), Linear(128, 10)");
  });
});

describe("resnet", () => {
  test("is ResNet-20 by default: the layers and widths of the paper, with projections where stages change", () => {
    const model = resnet({ inputShape: [3, 32, 32], classes: 10 });
    const conv = (from: number, to: number): number => 9 * from * to + 2 * to;
    const stage = (to: number): number => 4 * conv(to, to);
    const change = (to: number): number => conv(to / 2, to) + conv(to, to) + (to / 2) * to + 2 * to;
    const expected = conv(3, 16) + stage(16) + conv(16, 16) * 2 + change(32) + stage(32) + change(64) + stage(64) + 650;
    expect(size(model)).toBe(expected);
    const weighted = model.namedParameters().filter(([name, p]) => p.rank > 1 && !name.includes("shortcut"));
    expect(weighted.length).toBe(20);
    expect(model.forward(normal([8, 3, 32, 32], 2)).shape).toEqual([8, 10]);
    expect(resnet({ inputShape: [1, 28, 28], classes: 2, blocks: 1 }).forward(normal([8, 1, 28, 28], 3)).shape).toEqual(
      [8, 2],
    );
  });

  test("halves height and width twice", () => {
    const model = resnet({ inputShape: [1, 28, 28], classes: 2, blocks: 1 });
    const planes: number[] = [];
    for (const [, module] of model.namedModules()) {
      if (module.toString() !== "GlobalAvgPool2d()") continue;
      module.onForward((_, input) => planes.push(...input.shape));
    }
    model.forward(normal([8, 1, 28, 28], 4));
    expect(planes).toEqual([8, 64, 7, 7]);
  });
});

describe("every network built by name", () => {
  const builders = { mlp, cnn, resnet };

  test.each(Object.keys(builders) as (keyof typeof builders)[])(
    "%s learns by heart, is saved and loaded",
    async (name) => {
      seed(7);
      const model = builders[name]({ inputShape: [1, 8, 8], classes: 4, normMomentum: 0.5, normEps: 1e-3 });
      const x = normal([16, 1, 8, 8], 5);
      const targets = Int32Array.from({ length: 16 }, (_, k) => k % 4);
      const optimizer = new Sgd(model.parameters(), { lr: 0.1, momentum: 0.9 });
      const { epochs } = await fit(model, [{ inputs: x, targets }], { epochs: 30, optimizer });
      expect(epochs[29].loss).toBeLessThan(0.1);
      const { model: copy } = loadModel(saveModel(model));
      expect((await predict(copy, x)).dataSync()).toEqual((await predict(model, x)).dataSync());
    },
  );

  test.each(["layer", "instance", "group", "rms"] as const)(
    "with %s norm gives a sample the same output whatever the batch, and gradients to all it has",
    (norm) => {
      for (const name of ["mlp", "cnn", "resnet"] as const) {
        const model = builders[name]({
          inputShape: [1, 8, 8],
          classes: 3,
          norm,
          normEps: 1e-4,
          ...(norm === "group" ? { groups: 4 } : {}),
        });
        const x = normal([2, 1, 8, 8], 6);
        const y = model.forward(x);
        expectClose(model.forward(x.slice(0, 1)).dataSync(), y.dataSync().slice(0, 3), 1e-5);
        y.backward(normal([2, 3], 7));
        for (const p of model.parameters()) expect(p.grad).not.toBeNull();
        const norms = model.namedModules().flatMap(([, module]) => (module instanceof Norm ? [module] : []));
        expect(norms.every(({ eps }) => eps === 1e-4)).toBe(true);
        expect(norms.length).toBe({ mlp: 2, cnn: 3, resnet: 21 }[name]);
        const { model: copy } = loadModel(saveModel(model));
        expect(copy.toString()).toBe(model.toString());
      }
    },
  );

  test("names of norms stand for these layers, of images and of vectors", () => {
    const options = { inputShape: [1, 4, 4], classes: 2 };
    const normsOf = (model: Module): string[] =>
      model.namedModules().flatMap(([, module]) => (module instanceof Norm ? [String(module)] : []));
    const table = (["batch", "layer", "instance", "group", "rms", "ghost", "renorm", "none"] as const).map((norm) =>
      [norm, ...normsOf(cnn({ ...options, norm })), ...normsOf(mlp({ ...options, widths: [12], norm }))].join(" "),
    );
    expect(table).toMatchInlineSnapshot(`
      [
        "batch BatchNorm(16) BatchNorm(32) BatchNorm(128) BatchNorm(12)",
        "layer GroupNorm(1, 16) GroupNorm(1, 32) LayerNorm(128) LayerNorm(12)",
        "instance InstanceNorm(16) InstanceNorm(32) LayerNorm(128) LayerNorm(12)",
        "group GroupNorm(8, 16) GroupNorm(16, 32) GroupNorm(32, 128) GroupNorm(6, 12)",
        "rms RmsNorm(16) RmsNorm(32) RmsNorm(128) RmsNorm(12)",
        "ghost BatchNorm(16) BatchNorm(32) BatchNorm(128) BatchNorm(12)",
        "renorm BatchRenorm(16) BatchRenorm(32) BatchRenorm(128) BatchRenorm(12)",
        "none",
      ]
    `);
    expect(normsOf(cnn({ ...options, norm: "group", groups: 3 }))).toEqual([
      "GroupNorm(2, 16)",
      "GroupNorm(2, 32)",
      "GroupNorm(2, 128)",
    ]);
    expect(normsOf(mlp({ ...options, norm: "group", widths: [1, 2, 3, 7, 96] }))).toEqual([
      "GroupNorm(1, 1)",
      "GroupNorm(1, 2)",
      "GroupNorm(1, 3)",
      "GroupNorm(1, 7)",
      "GroupNorm(32, 96)",
    ]);
  });

  test("trains without norm at any batch size, and warns with batch norm at small ones", () => {
    const warnings: string[] = [];
    onWarning((message) => warnings.push(message));
    const x = normal([2, 1, 8, 8], 6);
    for (const name of ["mlp", "cnn", "resnet"] as const) {
      builders[name]({ inputShape: [1, 8, 8], classes: 2, norm: "none" }).forward(x);
    }
    expect(warnings).toEqual([]);
    cnn({ inputShape: [1, 8, 8], classes: 2 }).forward(x);
    expect(warnings.length).toBe(3);
  });

  test("says what it cannot be built for", () => {
    const builds = [
      () => cnn({ inputShape: [1, 3, 28], classes: 10 }),
      () => cnn({ inputShape: [13], classes: 10 }),
      () => resnet({ inputShape: [13], classes: 10 }),
      () => cnn({ inputShape: [1, 8, 8], classes: 10, norm: "group", groups: 0 }),
      () => mlp({ inputShape: [0], classes: 10 }),
      () => mlp({ inputShape: [3], classes: 0 }),
      () => mlp({ inputShape: [3], classes: 2, widths: [4, 1.5] }),
      () => mlp({ inputShape: [3], classes: 2, dropout: 2 }),
      () => resnet({ inputShape: [1, 8, 8], classes: 2, blocks: 0 }),
      () => cnn({ inputShape: [1, 8, 8], classes: 2, groups: 4 }),
      () => mlp({ inputShape: [3], classes: 2, norm: "layer", normMomentum: 0.9 }),
      () => resnet({ inputShape: [1, 8, 8], classes: 2, norm: "none", normEps: 1e-3 }),
    ];
    const answers = builds.map((build) => {
      try {
        return String(build());
      } catch (error) {
        return String(error);
      }
    });
    expect(answers).toMatchInlineSnapshot(`
      [
        "ArgumentError: cnn({ inputShape }): expected images (C, H, W) of at least 4×4, got 1×3×28. Use larger images.",
        "ArgumentError: cnn({ inputShape }): expected images (C, H, W) of at least 4×4, got 13. Use mlp, which takes any shape.",
        "ArgumentError: resnet({ inputShape }): expected images (C, H, W), got 13. Use mlp, which takes any shape.",
        "ArgumentError: cnn({ groups }): expected groups to be a whole number of at least 1, got 0. Correct groups.",
        "ArgumentError: mlp({ inputShape, classes }): expected each size of inputShape to be a whole number of at least 1, got 0. Correct each size of inputShape.",
        "ArgumentError: mlp({ inputShape, classes }): expected classes to be a whole number of at least 1, got 0. Correct classes.",
        "ArgumentError: mlp({ widths }): expected a width to be a whole number of at least 1, got 1.5. Correct a width.",
        "ArgumentError: new Dropout(p): expected a probability from 0 to 1, got 2. Pass the share of values to drop, e.g. 0.5.",
        "ArgumentError: resnet({ blocks }): expected blocks to be a whole number of at least 1, got 0. Correct blocks.",
        "ArgumentError: cnn({ groups }): expected a norm that has a use for it: group, evonorm-s0, got norm batch. Leave groups out, or choose another norm.",
        "ArgumentError: mlp({ normMomentum }): expected a norm that has a use for it: batch, ghost, renorm, evonorm-b0, switchable, batch-instance, whitening, got norm layer. Leave normMomentum out, or choose another norm.",
        "ArgumentError: resnet({ normEps }): expected a norm that has a use for it: batch, layer, instance, group, rms, ghost, renorm, pixel, scale, frn, evonorm-b0, evonorm-s0, switchable, batch-instance, whitening, got norm none. Leave normEps out, or choose another norm.",
      ]
    `);
  });
});
