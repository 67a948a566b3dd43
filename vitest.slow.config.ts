import { mergeConfig } from "vitest/config";
import config from "./vitest.config.js";

/** The tests of minutes: the main job, other engines, browsers. */
export default mergeConfig(config, {
  test: { include: ["test/slow/**/*.test.ts"], exclude: [], testTimeout: 900_000, fileParallelism: false },
});
