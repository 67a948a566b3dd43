import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BatchNorm, Conv2d, type Graph, Pad } from "evenkeel";
import { importKeras } from "evenkeel/keras";
import { afterEach, expect, test, vi } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectOutputs, type StoredModel } from "../../support/tfjs-fixtures.js";

const fixture = (name: string): Buffer => readFileSync(join(import.meta.dirname, "../../fixtures", name));
const cases: StoredModel[] = JSON.parse(fixture("keras.json").toString());

describeEachBackend("a Keras model", () => {
  test.each(cases.map((one) => [one.name, one] as const))(
    "predicts what its layers compute: %s",
    async (name, stored) => {
      expectOutputs(await importKeras(fixture(name)), stored);
    },
  );
});

test("layers that are not to be trained stay so, and a convolution takes the zeros that are put around its input", async () => {
  const { model } = await importKeras(fixture("keras-sequences.keras"));
  const layers = (model as Graph).layers().map(([, layer]) => layer);
  expect(layers.some((layer) => layer instanceof Pad)).toBe(false);
  const fixed = layers.filter((layer) => layer instanceof BatchNorm || layer instanceof Conv2d);
  expect(fixed.map((layer) => `${layer} ${layer.weight?.requiresGrad}`)).toEqual([
    ...["Conv2d(1, 2, 2) true", "Conv2d(2, 2, 3) false", "BatchNorm(2) false"],
  ]);
  expect(layers.flatMap((layer) => (layer instanceof BatchNorm ? [layer.frozen] : []))).toEqual([true]);
});

afterEach(() => {
  vi.doUnmock("h5wasm");
  vi.resetModules();
});

test("without h5wasm it says how to get it", async () => {
  vi.resetModules();
  vi.doMock("h5wasm", () => {
    throw new Error("not installed");
  });
  const fresh = await import("evenkeel/keras");
  const refusals: string[] = [];
  for (const name of ["keras-cnn.h5", "keras-cnn.keras"]) {
    refusals.push(
      await fresh.importKeras(fixture(name)).then(
        () => "imported",
        ({ message }: Error) => message.replace(/ \(\[vitest\].*\)\./s, "."),
      ),
    );
  }
  expect(refusals).toMatchInlineSnapshot(`
    [
      "importKeras(file): expected the package h5wasm to read HDF5, got one that does not load. Run: npm install h5wasm.",
      "importKeras(file): expected the package h5wasm to read HDF5, got one that does not load. Run: npm install h5wasm.",
    ]
  `);
});
