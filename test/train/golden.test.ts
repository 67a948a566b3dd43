import * as evenkeel from "evenkeel";
import { expect, test } from "vitest";
import { goldenHash } from "../support/golden-hash.js";
import { goldenRun } from "../support/golden-run.js";

test("a short training run gives the same bits as ever, twice", async () => {
  evenkeel.setBackend("wasm");
  expect(await goldenRun(evenkeel)).toBe(goldenHash);
  expect(await goldenRun(evenkeel)).toBe(goldenHash);
});
