import { defineConfig } from "vitest/config";
import base from "./vitest.base.js";

/** The tests of every op, layer and optimiser once more, on a GPU: one process, so that each kernel is compiled once. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ["test/ops/**/*.test.ts", "test/nn/**/*.test.ts", "test/optim/optimizers.test.ts"],
    testNamePattern: /webgpu/,
    env: { ...base.test?.env, EVENKEEL_BACKENDS: "webgpu" },
    isolate: false,
    fileParallelism: false,
    testTimeout: 300_000,
  },
});
