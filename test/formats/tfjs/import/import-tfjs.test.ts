import { readFileSync } from "node:fs";
import { join } from "node:path";
import { importTfjs } from "evenkeel/tfjs";
import { test } from "vitest";
import { describeEachBackend } from "../../../support/backends.js";
import { expectOutputs, filesOf, type StoredTfjs } from "../../../support/tfjs-fixtures.js";

const cases: StoredTfjs[] = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../../fixtures/tfjs-import.json"), "utf8"),
);

describeEachBackend("a TF.js model", () => {
  test.each(cases.map((one) => [one.name, one] as const))("predicts what TF.js does: %s", async (name, stored) => {
    expectOutputs(await importTfjs(filesOf(stored)), stored, { asIs: name === "channels first" });
  });
});
