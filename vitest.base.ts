import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ViteUserConfig } from "vitest/config";

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Chromium's software Vulkan driver: where it is installed, tests of the webgpu backend run on it. */
const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";
const gpu =
  existsSync(driver) && process.env["VK_ICD_FILENAMES"] === undefined
    ? { VK_ICD_FILENAMES: driver, LD_LIBRARY_PATH: "/usr/lib/chromium" }
    : {};

/** What all suites have in common. */
export default {
  resolve: {
    alias: {
      "evenkeel/browser": source("src/browser/index.ts"),
      "evenkeel/networks": source("src/networks/index.ts"),
      "evenkeel/node": source("src/node/index.ts"),
      "evenkeel/onnx": source("src/formats/onnx/index.ts"),
      "evenkeel/study": source("src/study/index.ts"),
      "evenkeel/keras": source("src/formats/keras/index.ts"),
      "evenkeel/tfjs": source("src/formats/tfjs/index.ts"),
      "evenkeel/webgpu": source("src/backend/webgpu/index.ts"),
      evenkeel: source("src/index.ts"),
    },
  },
  test: {
    setupFiles: ["test/support/setup.ts"],
    // The collector is called by tests of lifetimes.
    execArgv: ["--expose-gc"],
    env: {
      ...gpu,
      EVENKEEL_THREADS: process.env["EVENKEEL_THREADS"] ?? "1",
      EVENKEEL_GUARDS: process.env["EVENKEEL_GUARDS"] ?? "1",
    },
    // One more than by default: the suite has many tests that wait for a process of their own.
    maxWorkers: "100%",
    testTimeout: 60_000,
  },
} satisfies ViteUserConfig;
