import { defineConfig } from "vitest/config";
import config from "./vitest.config.js";

/** The tests of minutes: the main job, other engines, browsers, a GPU that is a program. */
export default defineConfig({
  ...config,
  test: {
    ...config.test,
    include: ["test/slow/**/*.test.ts", "test/backend/webgpu/**/*.test.ts"],
    exclude: [],
    testTimeout: 900_000,
    fileParallelism: false,
  },
});
