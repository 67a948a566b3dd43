import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: {
      "evenkeel/networks": source("src/networks/index.ts"),
      "evenkeel/node": source("src/node/index.ts"),
      "evenkeel/onnx": source("src/formats/onnx/index.ts"),
      "evenkeel/study": source("src/study/index.ts"),
      "evenkeel/keras": source("src/formats/keras/index.ts"),
      "evenkeel/tfjs": source("src/formats/tfjs/index.ts"),
      evenkeel: source("src/index.ts"),
    },
  },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/slow/**"],
    setupFiles: ["test/support/setup.ts"],
    // The collector is called by tests of lifetimes.
    execArgv: ["--expose-gc"],
    env: {
      EVENKEEL_THREADS: process.env["EVENKEEL_THREADS"] ?? "1",
      EVENKEEL_GUARDS: process.env["EVENKEEL_GUARDS"] ?? "1",
    },
    // One more than by default: the suite has many tests that wait for a process of their own.
    maxWorkers: "100%",
    testTimeout: 60_000,
  },
});
