import { onWarning, seed } from "evenkeel";
import fc from "fast-check";
import { beforeEach } from "vitest";

// The same weights and the same examples in every run; TEST_SEED=2 draws others.
const testSeed = Number(process.env["TEST_SEED"] ?? 1);
fc.configureGlobal({ seed: testSeed });

// A warning nobody expects is a failure; tests that expect one set their own handler.
beforeEach(() => {
  seed(testSeed);
  onWarning((message) => {
    throw new Error(`unexpected warning: ${message}`);
  });
});
