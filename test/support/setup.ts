import { onWarning, seed } from "evenkeel";
import fc from "fast-check";
import { afterEach, beforeEach } from "vitest";
import { checkGuards } from "../../src/backend/wasm/index.js";

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

// Tests run on guarded memory (EVENKEEL_GUARDS): a kernel that wrote beside its blocks fails the test that ran it.
afterEach(checkGuards);
