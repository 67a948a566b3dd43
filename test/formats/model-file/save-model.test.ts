import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  arrayDataset,
  BatchNorm,
  batches,
  Conv2d,
  describeModel,
  diagnose,
  Flatten,
  Linear,
  loadModel,
  MaxPool2d,
  Module,
  onWarning,
  predict,
  ReLU,
  readSafetensors,
  recalibrate,
  Sequential,
  saveModel,
  type Tensor,
  tensor,
  toTensor,
  version,
  writeSafetensors,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { allowFreshStatistics } from "../../support/fresh-statistics.js";
import { normal } from "../../support/seeded.js";

const root = join(import.meta.dirname, "../../..");
const fixture = (name: string): Uint8Array => readFileSync(join(root, "test/fixtures", name));

describeEachBackend("PyTorch's own .safetensors", () => {
  const network = (): Sequential =>
    new Sequential(
      ...[new Conv2d(2, 4, 3, { padding: 1, bias: false }), new BatchNorm(4), new ReLU(), new MaxPool2d(2)],
      ...[new Conv2d(4, 6, 3, { padding: 1 }), new BatchNorm(6, { eps: 1e-3 }), new ReLU(), new MaxPool2d(2)],
      ...[new Flatten(), new Linear(24, 5), new BatchNorm(5, { affine: false }), new ReLU(), new Linear(5, 3)],
    );
  const { inputs, outputs } = JSON.parse(new TextDecoder().decode(fixture("pytorch-cnn.json")));

  test("loads by loadModel and by state dict, and predicts the same", async () => {
    const bytes = fixture("pytorch-cnn.safetensors");
    const { model, meta, versions } = loadModel(bytes, network());
    expect([meta, versions]).toEqual([{}, null]);
    const x = tensor(Float32Array.from(inputs), [8, 2, 8, 8]);
    expectClose(await (await predict(model, x)).data(), outputs, 1e-5);
    const byState = network();
    expect(byState.loadStateDict(readSafetensors(bytes).tensors)).toEqual({ missing: [], unexpected: [] });
    expect((await predict(byState, x)).dataSync()).toEqual((await predict(model, x)).dataSync());
  });

  test("goes back as it came: what is saved holds the same state", () => {
    const { model } = loadModel(fixture("pytorch-cnn.safetensors"), network());
    const { tensors } = readSafetensors(fixture("pytorch-cnn.safetensors"));
    const { tensors: again } = readSafetensors(saveModel(model));
    for (const [name, t] of Object.entries(again)) expect(t.dataSync()).toEqual(tensors[name].dataSync());
  });
});

describeEachBackend("saved models", () => {
  test("frozen norms stay frozen, in place and in a network that is given", () => {
    allowFreshStatistics();
    const network = (): Sequential =>
      new Sequential(new Linear(2, 3), new BatchNorm(3), new Sequential(new BatchNorm(3)), new Linear(3, 1));
    const model = network();
    (model.layers[1] as BatchNorm).freeze();
    const bytes = saveModel(model);
    for (const { model: copy } of [loadModel(bytes), loadModel(bytes, network())]) {
      copy.train();
      const norms = copy.namedModules().flatMap(([, module]) => (module instanceof BatchNorm ? [module] : []));
      expect(norms.map(({ frozen, updateRunning }) => [frozen, updateRunning])).toEqual([
        [true, false],
        [false, true],
      ]);
      const before = norms[0].runningMean?.dataSync();
      copy.forward(normal([8, 2], 1));
      expect(norms[0].runningMean?.dataSync()).toEqual(before);
    }
  });

  test("batches that a norm skipped stay counted", () => {
    allowFreshStatistics();
    const model = new Sequential(new BatchNorm(2), new BatchNorm(2));
    const batch = tensor([Number.NaN, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [8, 2]);
    (model.layers[0] as BatchNorm).forward(batch);
    const { model: loaded } = loadModel(saveModel(model));
    expect((loaded as Sequential).layers.map((norm) => (norm as BatchNorm).skippedBatches)).toEqual([1, 0]);
  });

  test("a norm that was recalibrated is known as such, so that nothing of its initial values is looked for", async () => {
    const model = new Sequential(new Linear(2, 3), new BatchNorm(3), new ReLU(), new Linear(3, 2));
    const data = batches(
      arrayDataset({ inputs: normal([200, 2], 1).dataSync(), shape: [2], labels: new Int32Array(200) }),
      { batchSize: 20 },
    );
    for (const { inputs } of data) model.forward(toTensor(inputs));
    const initialLeft = async (bytes: Uint8Array): Promise<unknown> =>
      (await diagnose(loadModel(bytes).model, data)).norms[0].initialLeft;
    (model.layers[1] as BatchNorm).warmUp = false;
    expect(await initialLeft(saveModel(model))).toBeCloseTo(0.99 ** 10);
    await recalibrate(model, data);
    const bytes = saveModel(model);
    expect(await initialLeft(bytes)).toBe(0);
    expect(await initialLeft(saveModel(loadModel(bytes).model))).toBe(0);
  });

  test("a frozen norm that the network lacks is told", () => {
    const header = { format: 1, architecture: null, frozen: ["0"], meta: {} };
    const bytes = writeSafetensors(new Linear(1, 1).stateDict(), { evenkeel: JSON.stringify(header) });
    expect(() => loadModel(bytes, new Linear(1, 1))).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: loadModel(bytes): expected a norm to freeze at "0", got no such layer. Load it into the network it was saved from.]`,
    );
    const other = writeSafetensors(new Sequential(new Linear(1, 1)).stateDict(), { evenkeel: JSON.stringify(header) });
    expect(() => loadModel(other, new Sequential(new Linear(1, 1)))).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: loadModel(bytes): expected a norm to freeze at "0", got Linear(1, 1). Load it into the network it was saved from.]`,
    );
  });

  test("say who wrote them, and what they are without being built", () => {
    const bytes = saveModel(new Linear(2, 1), { task: "regression", inputShape: [2] });
    const versions = { evenkeel: version, format: 1 };
    const meta = { task: "regression", inputShape: [2] };
    expect(loadModel(bytes)).toMatchObject({ meta, versions });
    expect(describeModel(bytes)).toEqual({ meta, versions, hasArchitecture: true });
    class Own extends Module {
      readonly layer = new Linear(1, 1);
      override forward(x: Tensor): Tensor {
        return this.layer.forward(x);
      }
    }
    onWarning(() => {});
    expect(describeModel(saveModel(new Own())).hasArchitecture).toBe(false);
    expect(describeModel(saveModel(new Own(), { inputShape: [1] })).hasArchitecture).toBe(true);
    const old = JSON.stringify({ format: 1, architecture: null, meta: {} });
    expect(describeModel(writeSafetensors({}, { evenkeel: old })).versions).toEqual({ evenkeel: null, format: 1 });
    expect(describeModel(writeSafetensors({})).versions).toBe(null);
    expect(() => describeModel(new Uint8Array(4))).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: readSafetensors(bytes): expected at least 8 bytes, got 4. Check that the file is a complete .safetensors file.]`,
    );
  });

  test("the version is package.json's", () => {
    expect(version).toBe(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version);
  });
});
