import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crossEntropy, freezeNorms, type Graph, predict, type Sequential, Sgd, scope, seed, tensor } from "evenkeel";
import { repairKeras } from "evenkeel/keras";
import { exportTfjs, importTfjs, type TensorFlowTensor, toTfjsArtifacts } from "evenkeel/tfjs";
import { beforeAll, describe, expect, test } from "vitest";
import { expectClose } from "../support/close.js";
import { normalValues } from "../support/seeded.js";
import { expectOutputs, type StoredModel, valuesOf } from "../support/tfjs-fixtures.js";
import { type Builders, hasPeers, nsfwModel, tensorFlow } from "../support/tfjs-peers.js";

type Network = Graph | Sequential;

describe.skipIf(!hasPeers)("imported models (skipped without npm ci --prefix test/peers)", () => {
  let tf: Builders;
  beforeAll(async () => {
    tf = await tensorFlow();
  });

  /** (N, C, H, W) as TF.js has it. */
  function channelsLast(values: Float32Array, [, c, h, w]: readonly number[]): Float32Array {
    return values.map((_, i) => {
      const [sample, rest] = [Math.floor(i / (c * h * w)), i % (c * h * w)];
      return values[(sample * c + (rest % c)) * h * w + Math.floor(rest / c)];
    });
  }

  async function predictHere(model: Network, values: Float32Array, shape: readonly number[]): Promise<Float32Array> {
    model.eval();
    return (await predict(model as Sequential, tensor(values, shape))).data();
  }

  async function predictThere(
    load: "loadLayersModel" | "loadGraphModel",
    files: Parameters<typeof toTfjsArtifacts>[0],
    values: Float32Array,
    shape: readonly number[],
  ): Promise<Float32Array> {
    const model = await Reflect.get(tf, load)(tf.io.fromMemory(toTfjsArtifacts(files) as never));
    const [n, c, h, w] = shape;
    const y = model.predict(tf.tensor(channelsLast(values, shape), [n, h, w, c], "float32"));
    const result: Float32Array = await y.data();
    model.dispose();
    return result;
  }

  test.each(["mobilenet_v2", "mobilenet_v2_mid", "inception_v3"] as const)(
    "%s of nsfwjs predicts as in TF.js, trains with frozen norms, and is exported",
    async (name) => {
      const files = await nsfwModel(name);
      const { model, meta } = await importTfjs(files);
      const shape = [2, ...(meta.inputShape as number[])];
      const values = Float32Array.from(
        normalValues(
          shape.reduce((a, b) => a * b, 1),
          19,
        ),
        (value) => 0.5 + value / 4,
      );
      const load = name === "mobilenet_v2_mid" ? "loadGraphModel" : "loadLayersModel";
      expectClose(await predictHere(model, values, shape), await predictThere(load, files, values, shape), 1e-4);

      seed(1);
      model.train();
      freezeNorms(model);
      const optimizer = new Sgd(model.parameters(), { lr: 1e-3 });
      const losses: number[] = [];
      for (let step = 0; step < 5; step++) {
        scope(() => {
          const y = (model as Sequential).forward(tensor(values, shape));
          const loss = crossEntropy(y, Int32Array.of(0, 3));
          losses.push(loss.item());
          loss.backward();
          optimizer.step();
          optimizer.zeroGrad();
        });
      }
      expect(losses.every(Number.isFinite)).toBe(true);
      expect(losses[4]).not.toBe(losses[0]);

      const trained = await predictHere(model, values, shape);
      const exported = await exportTfjs(model, { inputShape: shape.slice(1) });
      expectClose(await predictThere("loadLayersModel", exported, values, shape), trained, 1e-4);
    },
    600_000,
  );

  test("what repairKeras makes of Keras 3's file is loaded by TF.js, and predicts the same", async () => {
    const fixtures = join(import.meta.dirname, "../fixtures");
    const cases: StoredModel[] = JSON.parse(readFileSync(join(fixtures, "keras.json"), "utf8"));
    const stored = cases.find(({ name }) => name === "keras-web.keras");
    if (stored === undefined) throw new Error("the fixture is gone");
    const { files, concerns } = await repairKeras(readFileSync(join(fixtures, stored.name)));
    expect(concerns).toEqual([]);
    const model = await tf.loadLayersModel(tf.io.fromMemory(toTfjsArtifacts(files) as never) as never);
    const [x] = stored.inputs;
    const y = model.predict(tf.tensor(valuesOf(x), x.shape, "float32") as never) as TensorFlowTensor;
    expectClose(await y.data(), valuesOf(stored.outputs[0]), 1e-5);
    model.dispose();
    expectOutputs(await importTfjs(files), stored);
  });
});
