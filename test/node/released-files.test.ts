import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import {
  Adam,
  arrayDataset,
  BatchNorm,
  batches,
  Dropout,
  describeCheckpoint,
  evaluate,
  fit,
  Generator,
  Linear,
  loadModel,
  Module,
  predict,
  ReLU,
  relu,
  Sequential,
  seed,
  type Tensor,
  tensor,
} from "evenkeel";
import { loadRunExport } from "evenkeel/node";
import { describe, expect, test } from "vitest";
import { evenkeelIn } from "../support/command.js";
import { temporaryFolder } from "../support/idx-files.js";

/** Files of version 0.1.0, by the script beside them, and what that version computed from them. */
const fixtures = join(import.meta.dirname, "../fixtures/0.1.0");
const outputs: Record<string, Output> & { readonly playground: Scores[]; readonly run: Run } = JSON.parse(
  readFileSync(join(fixtures, "outputs.json"), "utf8"),
);

interface Output {
  readonly inputShape: number[];
  readonly shape: number[];
  readonly values: number[];
  readonly indices?: number[];
}

interface Scores {
  readonly testLoss: number;
  readonly testAccuracy: number;
}

interface Run {
  readonly epochs: number;
  readonly test: { readonly loss: number; readonly accuracy: number };
}

function read(name: string): Uint8Array {
  const bytes = readFileSync(join(fixtures, name));
  return name.endsWith(".gz") ? gunzipSync(bytes) : bytes;
}

/** The numbers of make.mjs. */
function numbers(count: number, salt: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (((i + salt) * 7919) % 65) / 16 - 2);
}

function inputOf({ inputShape, indices }: Output): Tensor {
  const size = inputShape.reduce((product, extent) => product * extent, 4);
  const values = indices === undefined ? numbers(size, 3) : Float32Array.from(indices);
  return tensor(values, [4, ...inputShape]);
}

async function expectOutputs(model: Module, name: string): Promise<void> {
  const { shape, values } = outputs[name];
  const y = await predict(model, inputOf(outputs[name]));
  expect(y.shape).toEqual(shape);
  for (const [k, value] of (await y.data()).entries()) expect(Math.abs(value - values[k])).toBeLessThan(2e-5);
}

class Own extends Module {
  readonly hidden = new Linear(3, 4);
  readonly norm = new BatchNorm(4);
  readonly out = new Linear(4, 3);
  override forward(x: Tensor): Tensor {
    return this.out.forward(relu(this.norm.forward(this.hidden.forward(x))));
  }
}

describe("files of 0.1.0", () => {
  test.each([
    "mlp.safetensors",
    "cnn.safetensors.gz",
    "resnet.safetensors.gz",
    "image-layers.safetensors",
    "row-layers.safetensors",
    "reparametrized.safetensors",
    "embedding.safetensors",
    "frozen.safetensors",
  ])("%s is read as a model that answers as it did", async (file) => {
    const { model, versions } = loadModel(read(file));
    expect(versions).toEqual({ evenkeel: "0.1.0", format: 1 });
    await expectOutputs(model, file.split(".")[0]);
  });

  test("say which norms are frozen, how many batches they skipped, and what their user noted", () => {
    const { model, meta } = loadModel(read("frozen.safetensors"));
    const norm = (model as Sequential).layers[1] as unknown as BatchNorm;
    expect([norm.frozen, norm.skippedBatches, norm.momentum]).toEqual([true, 1, 0.9]);
    expect(meta["note"]).toBe("of the user's own");
  });

  test("without architecture load into the network that they are of", async () => {
    const { model } = loadModel(read("own.safetensors"), new Own());
    await expectOutputs(model, "own");
  });

  test("from the middle of training go on to what that version gave", async () => {
    const from = read("checkpoint.safetensors");
    expect(describeCheckpoint(from)).toMatchObject({ step: 7, evenkeel: "0.1.0", note: { of: "0.1.0" } });
    seed(99);
    const model = new Sequential(
      new Linear(4, 6),
      new BatchNorm(6, { momentum: 0.9 }),
      new ReLU(),
      new Dropout(0.2, { generator: new Generator(1) }),
      new Linear(6, 2),
    );
    const labels = Int32Array.from({ length: 40 }, (_, k) => k % 2);
    const data = batches(arrayDataset({ inputs: numbers(160, 1), shape: [4], labels }), {
      batchSize: 8,
      shuffle: true,
    });
    const optimizer = new Adam(model.parameters(), { lr: 0.01 });
    const { steps } = await fit(model, data, { epochs: 3, optimizer, checkpoint: { from, save: () => {} } });
    expect(steps).toBe(15);
    await expectOutputs(model, "checkpoint");
  });

  test("of an interrupted run are gone on with by evenkeel train --resume", () => {
    const folder = temporaryFolder();
    try {
      cpSync(join(fixtures, "run"), join(folder, "run"), { recursive: true });
      writeFileSync(join(folder, "run/history.jsonl"), read("run/history.jsonl.gz"));
      rmSync(join(folder, "run/history.jsonl.gz"));
      cpSync(join(fixtures, "rows.csv"), join(folder, "rows.csv"));
      const { code, stderr } = evenkeelIn(folder, "train", "--resume", "--threads", "1", "--out", "run");
      expect([code, stderr]).toEqual([0, ""]);
      const lines = readFileSync(join(folder, "run/metrics.jsonl"), "utf8").trim().split("\n");
      const { epoch, test: measured } = JSON.parse(lines.at(-1) ?? "");
      expect(epoch + 1).toBe(outputs.run.epochs);
      expect(measured.accuracy).toBeCloseTo(outputs.run.test.accuracy, 1);
      expect(measured.loss).toBeCloseTo(outputs.run.test.loss, 2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("that the playground exported score as they did on the page", async () => {
    const { networks, test: samples } = loadRunExport(join(fixtures, "playground.json"));
    for (const [k, { name, steps, trained }] of networks.entries()) {
      expect([name, steps]).toEqual(["AB"[k], 5]);
      const model = trained?.model ?? expect.fail("no model");
      const { loss, accuracy } = await evaluate(model, batches(samples, { batchSize: samples.length }));
      expect(loss).toBeCloseTo(outputs.playground[k].testLoss, 4);
      expect(accuracy).toBeCloseTo(outputs.playground[k].testAccuracy, 2);
    }
  });
});
