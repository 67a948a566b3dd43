import { defineConfig } from "vitest/config";
import config from "./vitest.config.js";

/**
 * What a GPU does not promise (docs/webgpu.md): values at the ends of float32, whose squares or slopes it does not hold
 * or takes for 0, and PyTorch's bits. `test/backend/webgpu` holds what it does promise of them.
 */
const notPromised = ["test/ops/accuracy.test.ts", "test/ops/special-values.test.ts", "test/**/extreme-*.test.ts"];

/** The tests of every op, layer and optimiser once more, on a GPU: one process, so that each kernel is compiled once. */
export default defineConfig({
  ...config,
  test: {
    ...config.test,
    include: ["test/ops/**/*.test.ts", "test/nn/**/*.test.ts", "test/optim/optimizers.test.ts"],
    exclude: notPromised,
    testNamePattern: /webgpu/,
    env: { ...config.test?.env, EVENKEEL_BACKENDS: "webgpu" },
    isolate: false,
    fileParallelism: false,
    testTimeout: 300_000,
  },
});
