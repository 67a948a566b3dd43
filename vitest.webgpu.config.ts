import { defineConfig } from "vitest/config";
import config from "./vitest.config.js";

/** The tests of every op, layer and optimiser once more, on a GPU: one process, so that each kernel is compiled once. */
export default defineConfig({
  ...config,
  test: {
    ...config.test,
    include: ["test/ops/**/*.test.ts", "test/nn/**/*.test.ts", "test/optim/optimizers.test.ts"],
    testNamePattern: /webgpu/,
    env: { ...config.test?.env, EVENKEEL_BACKENDS: "webgpu" },
    isolate: false,
    fileParallelism: false,
    testTimeout: 300_000,
  },
});
