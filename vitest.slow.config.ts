import { defineConfig } from "vitest/config";
import base from "./vitest.base.js";

/** The tests of minutes: the main job, other engines, browsers, a GPU that is a program. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ["test/slow/**/*.test.ts", "test/backend/webgpu/**/*.test.ts"],
    exclude: [],
    testTimeout: 900_000,
    // Pages draw, and browsers start, when the machine gets to it.
    expect: { poll: { timeout: 60_000 } },
    retry: 1,
    fileParallelism: false,
  },
});
