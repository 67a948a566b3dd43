import { readFileSync } from "node:fs";
import { join } from "node:path";
import { importKeras } from "evenkeel/keras";
import { test } from "vitest";
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
