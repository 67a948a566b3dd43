import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { started } from "../support/gpu.js";
import { temporaryFolder } from "../support/idx-files.js";

let folder = "";

function evenkeel(environment: Record<string, string>, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve("dist/cli/main.js"), ...args], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, ...environment },
  });
  // Drivers write lines of their own.
  const own = stderr.split("\n").filter((line) => line.startsWith("evenkeel:"));
  return { status, stdout, told: own };
}

beforeAll(() => {
  folder = temporaryFolder();
  const rows = Array.from({ length: 40 }, (_, i) => [Math.sin(7 * i), Math.cos(3 * i)]);
  const lines = rows.map(([a, b]) => `${a},${b},${a > b ? "yes" : "no"}`);
  writeFileSync(join(folder, "rows.csv"), ["a,b,kind", ...lines, ""].join("\n"));
  writeFileSync(join(folder, "new.csv"), "a,b\n1,0\n0,1\n");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const software =
  /^evenkeel: warning: --backend webgpu: .*swiftshader is a program that imitates a GPU; --backend wasm is faster$/;

describe.skipIf(typeof started === "string")("--backend webgpu", () => {
  test("trains, evaluates and predicts on the GPU", () => {
    const train = ["train", "--data", "rows.csv", "--target", "kind", "--seed", "1", "--batch-size", "16"];
    const run = evenkeel({}, ...train, "--backend", "webgpu", "--epochs", "2", "--out", "run", "--no-report");
    expect(run.told).toEqual([expect.stringMatching(software)]);
    expect(run.status).toBe(0);
    expect(run.stdout).toMatch(/; seed 1; on .*swiftshader/);
    const lines = readFileSync(join(folder, "run/metrics.jsonl"), "utf8").trim().split("\n");
    expect(lines.length).toBe(2);
    const numbers = (text: string) => (text.match(/\d+\.\d+/g) ?? []).map(Number);
    for (const args of [
      ["evaluate", "run", "--data", "rows.csv", "--part", "all"],
      ["predict", "run", "new.csv"],
    ]) {
      const [onGpu, onWasm] = [evenkeel({}, ...args, "--backend", "webgpu"), evenkeel({}, ...args)];
      expect(onGpu.status).toBe(0);
      expect(numbers(onGpu.stdout).length).toBeGreaterThan(1);
      numbers(onGpu.stdout).forEach((value, k) => {
        expect(value).toBeCloseTo(numbers(onWasm.stdout)[k], 3);
      });
    }
  });

  test("says what is missing", () => {
    const hook = join(folder, "without.mjs");
    const absent = `export async function resolve(name, context, next) {
      if (name !== "webgpu") return next(name, context);
      throw Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
    }`;
    const url = `data:text/javascript,${encodeURIComponent(absent)}`;
    writeFileSync(hook, `import { register } from "node:module"; register(${JSON.stringify(url)});`);
    const args = ["predict", "run", "new.csv", "--backend", "webgpu"];
    const found = [
      evenkeel({ NODE_OPTIONS: `--import=${hook}` }, ...args),
      evenkeel({ VK_ICD_FILENAMES: "/dev/null" }, ...args),
      evenkeel({}, "predict", "run", "new.csv", "--backend", "gpu"),
    ];
    expect(found.map(({ status, told }) => `${status}: ${told.join("\n")}`)).toMatchInlineSnapshot(`
      [
        "1: evenkeel: --backend webgpu: expected the package webgpu to reach the GPU, got none. Run: npm install webgpu.",
        "1: evenkeel: --backend webgpu: expected a GPU whose driver WebGPU can use, got no adapter. Install the GPU's driver (on Linux with its Vulkan part), or pass --backend wasm.",
        "1: evenkeel: --backend: expected wasm or cpu or webgpu, got gpu. Did you mean cpu?",
      ]
    `);
  });
});
