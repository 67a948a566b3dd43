import {
  Adam,
  arrayDataset,
  BatchNorm,
  batches,
  diagnose,
  evaluate,
  fit,
  InstanceNorm,
  LayerNorm,
  Linear,
  loadModel,
  onWarning,
  predict,
  recalibrate,
  Sequential,
  saveModel,
  tensor,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { normal, normalValues } from "../../support/seeded.js";

/** What was warned of in `run`. */
async function warningsOf(run: () => unknown): Promise<string[]> {
  const warnings: string[] = [];
  const before = onWarning((message) => warnings.push(message));
  await run();
  onWarning(before);
  return warnings;
}

const inputs = normalValues(32 * 4, 1);
const labels = Int32Array.from({ length: 32 }, (_, k) => (inputs[4 * k] > 0 ? 1 : 0));
const data = batches(arrayDataset({ inputs, shape: [4], labels }), { batchSize: 8 });
const network = (): Sequential => new Sequential(new Linear(4, 4), new BatchNorm(4), new Linear(4, 2));
const x = (): ReturnType<typeof normal> => normal([8, 4], 2);

describeEachBackend("running statistics that were never updated", () => {
  test("are told by whatever evaluates or saves them, in either mode", async () => {
    const twice = new Sequential(new BatchNorm(4), new Linear(4, 4), new BatchNorm(4));
    const messages = await warningsOf(async () => {
      await evaluate(network(), data);
      await predict(network().eval(), x());
      await predict(new BatchNorm(4).freeze(), x());
      saveModel(twice);
    });
    expect(messages).toMatchInlineSnapshot(`
      [
        "evaluate(model, data): the running statistics of 1: BatchNorm(4) were never updated (mean 0, variance 1), so evaluation differs from training. Train the model, load its weights, or call recalibrate(model, data).",
        "predict(model, x): the running statistics of 1: BatchNorm(4) were never updated (mean 0, variance 1), so evaluation differs from training. Train the model, load its weights, or call recalibrate(model, data).",
        "predict(model, x): the running statistics of BatchNorm(4) were never updated (mean 0, variance 1), so evaluation differs from training. Train the model, load its weights, or call recalibrate(model, data).",
        "saveModel(Sequential): the running statistics of 0: BatchNorm(4) and another norm were never updated (mean 0, variance 1), so evaluation of the saved model differs from training. Train the model, load its weights, or call recalibrate(model, data).",
      ]
    `);
  });

  test("are told once for each norm", async () => {
    const model = network();
    const messages = await warningsOf(async () => {
      await predict(model, x());
      await predict(model, x());
      await evaluate(model, data);
      saveModel(model);
      saveModel(new Sequential(...model.layers, new BatchNorm(2)));
    });
    expect(messages.map((message) => /of (\d: )?(BatchNorm\(\d\))/.exec(message)?.[2])).toEqual([
      "BatchNorm(4)",
      "BatchNorm(2)",
    ]);
  });

  test("are no more once anything has set them", async () => {
    const trained = network();
    await fit(trained, data, { epochs: 1, optimizer: new Adam(trained.parameters(), { lr: 0.01 }) });
    const loaded = network();
    loaded.loadStateDict(trained.stateDict());
    const recalibrated = network();
    await recalibrate(recalibrated, [x(), x()]);
    // Data of mean 0 and variance 1 give what stands there at first.
    const exact = new BatchNorm(1, { eps: 1e-3 });
    exact.forward(tensor([-1, 1, -1, 1, -1, 1, -1, 1], [8, 1]));
    expect([...(exact.runningMean?.dataSync() ?? []), ...(exact.runningVar?.dataSync() ?? [])]).toEqual([0, 1]);
    const messages = await warningsOf(async () => {
      for (const model of [trained, loaded, recalibrated, loadModel(saveModel(trained)).model as Sequential]) {
        await evaluate(model, data);
        await predict(model, x());
        saveModel(model);
      }
      await predict(exact, tensor([3], [1, 1]));
    });
    expect(messages).toEqual([]);
  });

  test("do not matter where the statistics of the batch are used, or there are none", async () => {
    const adapting = network().eval();
    (adapting.layers[1] as BatchNorm).normalizeWith = "batch";
    const without = new Sequential(
      new BatchNorm(4, { trackRunningStats: false }),
      new LayerNorm([3]),
      new InstanceNorm(4),
    );
    const messages = await warningsOf(async () => {
      await evaluate(adapting, data);
      await predict(without, normal([8, 4, 3], 2));
      saveModel(without);
      // The diagnosis has a finding for it.
      await diagnose(network(), data);
    });
    expect(messages).toEqual([]);
  });
});
