import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

test.each([1, 2, 3, 4, 5])(
  "seed %i: the main job reaches an accuracy of 0.99 on MNIST in 3 epochs at batch 64",
  (seed) => {
    const out = mkdtempSync(join(tmpdir(), "evenkeel-"));
    const flags = ["train", "--data", "mnist", "--model", "cnn", "--epochs", "3", "--batch-size", "64"];
    const command = ["dist/cli/main.js", ...flags, "--seed", String(seed), "--out", out];
    const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const accuracy = Number(/^test accuracy (\S+)$/m.exec(stdout)?.[1]);
    expect(accuracy).toBeGreaterThanOrEqual(0.99);
    expect(existsSync(join(out, "model.safetensors"))).toBe(true);
    rmSync(out, { recursive: true });
  },
);
