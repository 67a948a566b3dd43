import {
  Adam,
  arrayDataset,
  BatchNorm,
  BatchRenorm,
  batches,
  Conv2d,
  type Diagnosis,
  diagnose,
  evaluate,
  Flatten,
  fit,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  Linear,
  loadModel,
  Module,
  memoryInUse,
  mse,
  onWarning,
  ReLU,
  RmsNorm,
  recalibrate,
  Sequential,
  saveModel,
  seed,
  Tanh,
  type Tensor,
  tensor,
  trace,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { changeValues } from "../support/change-values.js";
import { Shared, SqueezeExcite, TwoInputs, UNet } from "../support/own-networks.js";
import { normal, normalValues } from "../support/seeded.js";

const samples = 160;
const inputs = normalValues(samples * 16, 2, 0.5, 2);
const labels = Array.from({ length: samples }, (_, k) => Number(inputs[16 * k] > 0.5));
const data = batches(arrayDataset({ inputs, shape: [1, 4, 4], labels }), { batchSize: 16 });

async function trained(momentum = 0.8, warmUp = true): Promise<Sequential> {
  seed(4);
  const model = new Sequential(
    new Conv2d(1, 6, 3, { padding: 1 }),
    new BatchNorm(6, { momentum, warmUp }),
    new ReLU(),
    new Flatten(),
    new Linear(96, 12),
    new BatchNorm(12, { momentum, warmUp }),
    new ReLU(),
    new Linear(12, 2),
  );
  await fit(model, data, { epochs: 2, optimizer: new Adam(model.parameters(), { lr: 0.003 }) });
  return model;
}

const norm = (model: Sequential, k: number): BatchNorm => model.layers[k] as BatchNorm;
const kinds = ({ findings }: Diagnosis): string[] => findings.map(({ kind, layer }) => `${kind} ${layer ?? ""}`.trim());

describeEachBackend("diagnose", () => {
  test("finds nothing wrong with a model that has just been trained, and leaves it as it was, to the bit", async () => {
    const model = await trained();
    norm(model, 1).updateRunning = false;
    const before = Object.entries(model.stateDict()).map(([name, t]) => [name, t.dataSync()]);
    const modes = (): unknown[] => [
      model.training,
      norm(model, 1).normalizeWith,
      norm(model, 1).updateRunning,
      norm(model, 5).updateRunning,
    ];
    const modesBefore = modes();
    // What evaluation multiplies by is made once, and kept.
    await diagnose(model, data);
    const used = memoryInUse();
    const found = await diagnose(model, data);
    expect(kinds(found)).toEqual([]);
    expect(found.notes).toEqual([]);
    expect(JSON.parse(JSON.stringify(found))).toEqual(found);
    expect(memoryInUse()).toBe(used);
    expect(Object.entries(model.stateDict()).map(([name, t]) => [name, t.dataSync()])).toEqual(before);
    expect(modes()).toEqual(modesBefore);
    expect(model.parameters().every(({ grad }) => grad === null)).toBe(true);
    expect(model.namedModules().some(([, module]) => module.hooked)).toBe(false);
  });

  test("tells the drift that recalibration in batch mode takes away, and then none", async () => {
    const model = await trained(0.95);
    const { norms } = await diagnose(model, data);
    const { norms: moved } = await recalibrate(model, data, { mode: "batch" });
    for (const [k, { drift }] of norms.entries()) {
      expect(drift?.mean).toBeCloseTo(moved[k].drift.mean, 6);
      expect(drift?.deviation).toBeCloseTo(moved[k].drift.deviation, 6);
    }
    for (const { drift } of (await diagnose(model, data)).norms) expect(drift?.worst).toBeLessThan(1e-5);
  });

  test("names the norm that the gap comes from", async () => {
    const model = await trained();
    changeValues(norm(model, 5).runningMean, (values) => values.set(values.map((value, k) => value + 3 * (-1) ** k)));
    const { gap, findings } = await diagnose(model, data);
    expect(gap?.running.loss).toBeGreaterThan(gap?.batch.loss ?? 0);
    expect(gap?.causes.map(({ layer }) => layer)).toEqual(["5", "1"]);
    expect(gap?.causes[0].gain).toBeCloseTo(gap?.difference ?? 0, 1);
    expect(findings.map(({ kind, layer }) => [kind, layer])).toEqual(
      expect.arrayContaining([
        ["gap", null],
        ["drift", "5"],
      ]),
    );
    expect(findings.some(({ kind, layer }) => kind === "drift" && layer === "1")).toBe(false);
  });

  test("tells of each batch of each pass: two to compare, one for each norm if there is a gap, one to observe", async () => {
    const model = await trained();
    const told = async (): Promise<string[]> => {
      const lines: string[] = [];
      await diagnose(model, data, {
        onProgress: ({ pass, passes, samples }) => void lines.push(`${pass}/${passes} ${samples}`),
      });
      return lines;
    };
    const passed = (lines: readonly string[]): string[] =>
      lines.filter((line) => line.endsWith(` ${labels.length}`)).map((line) => line.split(" ")[0]);
    const healthy = await told();
    expect(healthy.slice(0, 3)).toEqual(["0/5 16", "0/5 32", "0/5 48"]);
    expect(passed(healthy)).toEqual(["0/5", "1/5", "2/3"]);
    changeValues(norm(model, 5).runningMean, (values) => values.set(values.map((value, k) => value + 3 * (-1) ** k)));
    expect(passed(await told())).toEqual(["0/5", "1/5", "2/5", "3/5", "4/5"]);
  });

  test("lists the units that are dead, and says what stands before them", async () => {
    const model = await trained();
    changeValues(norm(model, 5).bias, (values) => values.set([-100, -100], 2));
    const { activations, findings } = await diagnose(model, data);
    expect(activations[1].dead).toEqual([2, 3]);
    expect(findings.find(({ kind }) => kind === "dead")).toMatchObject({
      layer: "6",
      evidence: "16.7 % of its channels (2 of 12) are 0 for all 160 samples; norm 5 precedes it",
    });
  });

  test("finds statistics that were never moved, what is left of the first ones, a poisoned channel, and γ of 0", async () => {
    const fresh = await trained();
    norm(fresh, 1).resetRunningStats();
    expect(kinds(await diagnose(fresh, data))).toContain("neverUpdated 1");
    onWarning(() => {});
    expect(kinds(await diagnose(await trained(0.999, false), data))).toContain("initialLeft 5");
    expect(kinds(await diagnose(await trained(0.999), data)).join()).not.toContain("initialLeft");
    const poisoned = await trained();
    changeValues((poisoned.layers[4] as Linear).weight, (values) => (values[3] = Number.NaN));
    expect((await diagnose(poisoned, data)).findings[0]).toMatchObject({ kind: "notFinite", layer: "4" });
    const huge = await trained();
    changeValues(norm(huge, 1).runningVar, (values) => (values[3] = 1e8));
    expect(kinds(await diagnose(huge, data))).toContain("drift 1");
    const lost = await trained();
    changeValues(norm(lost, 1).runningMean, (values) => (values[3] = Number.NaN));
    expect((await diagnose(lost, data)).findings).toContainEqual(
      expect.objectContaining({ kind: "drift", evidence: "the running statistics of channel 3 are not finite" }),
    );
    const off = await trained();
    changeValues(norm(off, 1).weight, (values) => values.fill(0, 0, 2));
    expect(kinds(await diagnose(off, data))).toContain("smallWeights 1");
  });

  test("inputs on another scale than in training come before what they cause, and nothing advises to hide them", async () => {
    const model = await trained();
    for (const factor of [255, 1 / 255, 0.3]) {
      const scaled = batches(arrayDataset({ inputs: inputs.map((x) => x * factor), shape: [1, 4, 4], labels }), {
        batchSize: 16,
      });
      const { findings, norms } = await diagnose(model, scaled);
      const own = (norms[0].drift?.scale ?? Number.NaN) / factor;
      expect(own).toBeGreaterThan(0.7);
      expect(own).toBeLessThan(1.4);
      expect(findings[0].kind).toBe("inputScale");
      expect(findings.length).toBeGreaterThan(1);
      for (const { advice } of findings.slice(1)) expect(advice).not.toMatch(/recalibrate/i);
    }
    const [{ evidence, advice }, second] = (
      await diagnose(
        model,
        batches(arrayDataset({ inputs: inputs.map((x) => x * 255), shape: [1, 4, 4], labels }), { batchSize: 16 }),
      )
    ).findings;
    expect([evidence.replace(/[\d.]+ times/, "… times"), advice, second.advice]).toMatchInlineSnapshot(`
      [
        "inputs are on another scale than in training: at the first norm, 1, their standard deviation is … times the running one, in all channels",
        "Preprocess the data as for training (scale, mean and standard deviation). Recalibration would hide this.",
        "First mend the scale of the inputs: it may be the cause.",
      ]
    `);
  });

  test("at batches of 2 the noise comes before the scales and gaps that it makes", async () => {
    seed(4);
    const model = new Sequential(
      ...Array.from({ length: 6 }, (_, k) => [
        new Linear(16, k === 5 ? 2 : 16),
        new BatchNorm(k === 5 ? 2 : 16),
        new ReLU(),
      ]).flat(),
    );
    for (const layer of model.layers)
      if (layer instanceof BatchNorm) changeValues(layer.weight, (values) => values.fill(0.2));
    changeValues((model.layers[16] as BatchNorm).weight, (values) => values.fill(200));
    const rows = batches(arrayDataset({ inputs, shape: [16], labels }), { batchSize: 16 });
    const { findings } = await diagnose(model, rows, { batchSize: 2 });
    const order = findings.map(({ kind }) => kind);
    expect(order).toContain("noise");
    expect(order).toContain("scale");
    expect(order.lastIndexOf("noise")).toBeLessThan(order.indexOf("scale"));
    expect(findings.find(({ kind }) => kind === "scale")?.advice).toMatchInlineSnapshot(
      `"First mend the noise of small batches: it may be the cause."`,
    );
  });

  test("holds nothing against statistics that are frozen", async () => {
    const model = await trained();
    changeValues(norm(model, 5).runningMean, (values) => values.fill(0.5));
    norm(model, 5).freeze();
    const found = await diagnose(model, data);
    expect(kinds(found)).toEqual([]);
    expect(found.norms[1]).toMatchObject({ frozen: true });
  });

  test("measures the noise of batches: by theory where values are independent, more where a sample's are alike", async () => {
    const free = normalValues(1000 * 9, 5);
    const alike = free.map((_, i) => free[Math.floor(i / 9)]);
    for (const [values, effective] of [
      [free, 8 * 9],
      [alike, 8],
    ] as const) {
      const model = new Sequential(new BatchNorm(1));
      const all = batches(arrayDataset({ inputs: values, shape: [1, 3, 3], labels: new Int32Array(1000) }), {
        batchSize: 100,
      });
      const [{ noise }] = (await diagnose(model, all, { batchSize: 8, loss: (y) => y.mean() })).norms;
      expect(noise?.values).toBe(72);
      expect((noise?.effectiveValues ?? 0) / effective).toBeGreaterThan(0.8);
      expect((noise?.effectiveValues ?? 0) / effective).toBeLessThan(1.25);
      expect((noise?.variance ?? 0) / Math.sqrt(2 / (effective - 1))).toBeGreaterThan(0.8);
      expect((noise?.variance ?? 0) / Math.sqrt(2 / (effective - 1))).toBeLessThan(1.25);
      expect((noise?.batchSizeForSmallNoise ?? 0) / (8 / effective / 0.05 ** 2)).toBeCloseTo(1, 0);
    }
  });

  test("tells of saturation, and of gradients that do not come through", async () => {
    seed(1);
    const layers = Array.from({ length: 6 }, () => [new Linear(16, 16), new Tanh()]).flat();
    for (const layer of layers)
      if (layer instanceof Linear) changeValues(layer.weight, (w) => w.set(w.map((v) => 60 * v)));
    const model = new Sequential(new Flatten(), ...layers, new Linear(16, 2));
    const found = kinds(await diagnose(model, data));
    expect(found).toContain("saturated 2");
    expect(found.some((kind) => kind.startsWith("gradient"))).toBe(true);
  });
});

describe("diagnose", () => {
  test("takes any norm, none, targets that are numbers, and data without targets", async () => {
    onWarning(() => {}); // of running statistics that were never updated
    const makers = [
      () => new LayerNorm(16),
      () => new GroupNorm(2, 16),
      () => new RmsNorm(16),
      () => new BatchRenorm(16),
      () => new BatchNorm(16, { virtualBatchSize: 4 }),
      () => new BatchNorm(16, { trackRunningStats: false }),
      () => new ReLU(),
    ];
    for (const make of makers) {
      const model = new Sequential(new Flatten(), make(), new Linear(16, 1));
      const targets = arrayDataset({ inputs, shape: [1, 4, 4], targets: normalValues(samples, 1) });
      const regression = await diagnose(model, batches(targets, { batchSize: 16 }), { loss: mse });
      const { loss } = await evaluate(model, batches(targets, { batchSize: 16 }), { loss: mse });
      expect(regression.evaluation).toEqual({ loss: expect.closeTo(loss, 12), accuracy: null });
      expect(regression.depth.at(-1)?.gradientNorm).toBeGreaterThan(0);
      const bare = await diagnose(model, [tensor(inputs, [samples, 1, 4, 4])]);
      expect([bare.evaluation, bare.gap, bare.depth.at(-1)?.gradientNorm]).toEqual([null, null, null]);
      expect(bare.notes).toContain("without labels or a loss the gap and gradients cannot be measured");
    }
    const images = new Sequential(new InstanceNorm(1, { trackRunningStats: true }), new Flatten(), new Linear(16, 2));
    expect((await diagnose(images, data)).norms[0]).toMatchObject({ neverUpdated: true, noise: null });
  });

  test("says no more than few samples support", async () => {
    const { findings, notes, norms } = await diagnose(await trained(), [...data].slice(0, 2));
    expect([findings, norms[0].noise]).toEqual([[], null]);
    expect(notes).toEqual([
      "32 samples are too few to judge single channels and drift: pass 100 or more",
      "2 batches are too few to distinguish a gap from chance: pass 5 or more",
    ]);
  });

  test("refuses what it cannot use", async () => {
    const model = await trained();
    const one = batches(arrayDataset({ inputs, shape: [1, 4, 4], labels }), { batchSize: 1 });
    const texts = await Promise.all(
      [() => diagnose(model, []), () => diagnose(model, one), () => diagnose(model, data, { samples: 0 })].map((run) =>
        run().then(String, String),
      ),
    );
    expect(texts).toMatchInlineSnapshot(`
      [
        "ArgumentError: diagnose(model, data): expected batches of 2 samples or more, got none. Pass batches of the size of training; a generator is spent after one pass.",
        "ArgumentError: diagnose(model, data): expected batches of 2 samples or more, got 160 of fewer. Pass batches of the size of training; a generator is spent after one pass.",
        "ArgumentError: diagnose(model, data): expected samples to be a whole number of at least 1, got 0. Correct samples.",
      ]
    `);
  });
});

describeEachBackend("diagnose a graph", () => {
  type Network = Module<Tensor[]>;
  const networks: [name: string, make: () => Network, sizes: number[][]][] = [
    ["a U-Net", () => new UNet() as Network, [[1, 8, 8]]],
    ["squeeze and excite", () => new SqueezeExcite() as Network, [[1, 4, 4]]],
    ["two inputs", () => new TwoInputs() as unknown as Network, [[3], [5]]],
    ["a shared layer and a tied weight", () => new Shared() as Network, [[4]]],
  ];

  test.each(networks)("%s: finds what is found in the module, in order of use", async (_, make, sizes) => {
    seed(6);
    const model = make();
    // Statistics that are off, and one channel switched off.
    for (const [, module] of model.namedModules()) {
      if (!(module instanceof BatchNorm)) continue;
      changeValues(module.runningMean, (values) => values.fill(3));
      changeValues(module.weight, (values) => values.fill(0, 0, 2));
    }
    const several = Array.from({ length: 8 }, (_, at) => sizes.map((size, k) => normal([16, ...size], 20 * at + k)));
    const graph = trace(model, ...several[0]) as Network;
    const loaded = loadModel(saveModel(graph)).model as Network;
    const given = sizes.length === 1 ? several.map(([x]) => x) : several;
    const expected = await diagnose(model as unknown as Module, given);
    expect(kinds(expected).length).toBeGreaterThan(0);
    for (const other of [graph, loaded]) {
      expect(await diagnose(other as unknown as Module, given)).toEqual(expected);
      expect(other.training).toBe(true);
    }
  });

  test("with labels it measures gap and gradients as those of the module", async () => {
    seed(6);
    const model = new SqueezeExcite();
    changeValues(model.body.layers[1] instanceof BatchNorm ? model.body.layers[1].runningVar : null, (v) =>
      v.fill(400),
    );
    const graph = trace(model, normal([2, 1, 4, 4], 1)) as unknown as Module;
    const expected = await diagnose(model, data);
    expect(expected.gap).not.toBeNull();
    expect(expected.depth.some(({ gradientNorm }) => gradientNorm !== null)).toBe(true);
    expect(await diagnose(graph, data)).toEqual(expected);
  });

  test("rows of channels are told from channels of rows by what a layer is given, not by its name", async () => {
    // By names the ReLU stands behind the norm of axis 1; it is given what the Linear makes, whose channels are last.
    class Rows extends Module {
      readonly relu = new ReLU();
      readonly linear = new Linear(3, 6);
      override forward(x: Tensor): Tensor {
        return this.relu.forward(this.linear.forward(x));
      }
    }
    const graph = trace(new Rows(), normal([2, 5, 3], 1)) as unknown as Module;
    const { activations } = await diagnose(graph, [normal([120, 5, 3], 2)]);
    expect(activations.map(({ layer, channels }) => [layer, channels])).toEqual([["relu", 6]]);
    class Turned extends Rows {
      override forward(x: Tensor): Tensor {
        return this.relu.forward(this.linear.forward(x).transpose([0, 2, 1]));
      }
    }
    const turned = await diagnose(trace(new Turned(), normal([2, 5, 3], 1)) as unknown as Module, [
      normal([120, 5, 3], 2),
    ]);
    expect(turned.activations[0].channels).toBe(6);
  });
});
