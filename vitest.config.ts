import { defineConfig } from "vitest/config";
import base from "./vitest.base.js";

/** Files that fill memory, measure it, or ask which backends are registered: each has a process of its own. */
const alone = [
  "test/backend/{extreme-sizes,late-backend,memory,out-of-memory}.test.ts",
  "test/backend/wasm/{guarded-memory,signatures}.test.ts",
  "test/graph/copy-to.test.ts",
  "test/formats/safetensors/safetensors.test.ts",
  "test/node/corrupt-data.test.ts",
  "test/{collector,scope,tensor}.test.ts",
];
// A GPU that is a program takes its time.
const exclude = ["**/node_modules/**", "test/slow/**", "test/backend/webgpu/**"];

/** The fast tests. All files of a worker but those alone share a process, in which the library is loaded once. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    projects: [
      { extends: true, test: { name: "alone", include: alone, exclude } },
      {
        extends: true,
        test: {
          name: "together",
          include: ["test/**/*.test.ts"],
          exclude: [...exclude, ...alone],
          setupFiles: ["test/support/as-at-first.ts"],
          isolate: false,
        },
      },
    ],
  },
});
