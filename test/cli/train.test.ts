import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { batches, evaluate, GroupNorm, loadModel, setBackend } from "evenkeel";
import { loadData } from "evenkeel/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { idxBytes, temporaryFolder, writeSmallImages } from "../support/idx-files.js";

let folder = "";
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const main = "dist/cli/main.js";

function evenkeel(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });
  return { code: status, stdout, stderr: stderr.replaceAll(folder, "FOLDER") };
}

describe("evenkeel train", () => {
  test("trains, evaluates, and writes a model that can be loaded and metrics", async () => {
    const data = writeSmallImages(join(folder, "images"));
    const out = join(folder, "run");
    const flags = [
      "--data",
      data,
      "--epochs",
      "3",
      "--batch-size",
      "16",
      "--seed",
      "5",
      "--norm-momentum",
      "0.9",
      "--out",
      out,
    ];
    const { code, stdout, stderr } = evenkeel("train", ...flags);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const lines = stdout.trim().split("\n");
    expect(lines.at(-1)).toMatch(/^test accuracy (1\.0000|0\.9\d{3})$/);
    expect(readdirSync(out).sort()).toEqual(["history.jsonl", "metrics.jsonl", "model.safetensors", "report.html"]);
    const metrics = readFileSync(join(out, "metrics.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(metrics.map(({ epoch, steps }) => [epoch, steps])).toEqual([
      [0, 15],
      [1, 30],
      [2, 45],
    ]);
    setBackend("wasm");
    const { model, meta } = loadModel(readFileSync(join(out, "model.safetensors")));
    expect(meta.inputShape).toEqual([1, 8, 8]);
    expect(meta.preprocessing?.scale).toBe(1 / 255);
    const { accuracy } = await evaluate(model, batches<unknown>((await loadData(data)).test, { batchSize: 20 }));
    expect(accuracy).toBe(metrics[2].test.accuracy);
    const again = join(folder, "again");
    evenkeel("train", ...flags.slice(0, -1), again);
    expect(readFileSync(join(again, "model.safetensors")).equals(readFileSync(join(out, "model.safetensors")))).toBe(
      true,
    );
  });

  test("trains with the norm that is named, and its groups", () => {
    const data = writeSmallImages(join(folder, "grouped"));
    const out = join(folder, "group");
    const flags = ["--norm", "group", "--groups", "4", "--norm-eps", "0.001", "--epochs", "1", "--seed", "3"];
    const { code, stderr } = evenkeel("train", "--data", data, ...flags, "--out", out);
    expect([code, stderr]).toEqual([0, ""]);
    const { model } = loadModel(readFileSync(join(out, "model.safetensors")));
    const norms = model.namedModules().flatMap(([, module]) => (module instanceof GroupNorm ? [module] : []));
    expect(norms.map(String)).toEqual(["GroupNorm(4, 16)", "GroupNorm(4, 32)", "GroupNorm(4, 128)"]);
    expect(norms.map(({ eps }) => eps)).toEqual([0.001, 0.001, 0.001]);
  });

  test("trains networks of evenkeel/networks by name, each with its own norm where none is named", () => {
    const data = writeSmallImages(join(folder, "named"));
    const out = join(folder, "named-run");
    const flags = ["--data", data, "--epochs", "1", "--lr", "0.001", "--seed", "3", "--no-report", "--out", out];
    const { code, stdout, stderr } = evenkeel("train", "--model", "mobilenetV3Small", ...flags);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^mobilenetV3Small, norm batch, \d+ parameters; /);
    const { model, meta } = loadModel(readFileSync(join(out, "model.safetensors")));
    expect(Object.keys(model.stateDict())).toContain("classifier.3.weight");
    expect(meta.network).toMatchObject({ from: "mobilenetV3Small", options: { norm: "batch" } });
    expect(evenkeel("evaluate", out, "--data", data).code).toBe(0);
    const refusals = [
      ["--model", "vitTiny"],
      ["--model", "unet"],
      ["--model", "nfnet", "--norm", "group"],
      ["--model", "nfnet", "--norm-eps", "0.1"],
    ].map(
      (given) => evenkeel("train", ...given, ...flags.slice(0, -1), join(folder, "never-run")).stderr.split("\n")[0],
    );
    expect(refusals).toMatchInlineSnapshot(`
      [
        "evenkeel: vitTiny({ inputShape }): expected images (C, H, W) of at least 16×16, got 1×8×8. Use larger images.",
        "evenkeel: loadNetwork(unet): expected a network that scores the classes of an image, got one that scores those of each pixel. Build it in code, with data that have a class for each pixel.",
        "evenkeel: --norm: expected none, got group. Leave it out: the network is made to do without.",
        "error: --norm-eps: expected a norm that has a use for it (batch, layer, instance, group, rms, ghost, renorm, pixel, scale, frn, evonorm-b0, evonorm-s0, switchable, batch-instance, whitening), got --norm none. Leave it out, or choose another norm.",
      ]
    `);
  });

  test("warns that running statistics are stale after few steps", () => {
    const data = writeSmallImages(join(folder, "few"));
    const { stderr, code } = evenkeel(
      "train",
      "--data",
      data,
      "--epochs",
      "1",
      "--seed",
      "1",
      "--out",
      join(folder, "few-run"),
    );
    expect(code).toBe(0);
    expect(stderr).toMatchInlineSnapshot(`""`);
  });

  test("answers each mistake in one clear line, exits 1 and writes no model", () => {
    const truncated = writeSmallImages(join(folder, "truncated"));
    truncateSync(join(truncated, "train-images-idx3-ubyte"), 1000);
    const unlabelled = writeSmallImages(join(folder, "unlabelled"));
    writeFileSync(join(unlabelled, "t10k-labels-idx1-ubyte"), idxBytes([3], [0, 1, 2]));
    const stray = writeSmallImages(join(folder, "stray"));
    const labels = new Uint8Array(60).fill(1);
    labels[7] = 9;
    writeFileSync(join(stray, "t10k-labels-idx1-ubyte"), idxBytes([60], labels));
    const missing = writeSmallImages(join(folder, "missing"));
    rmSync(join(missing, "t10k-images-idx3-ubyte"));
    const good = writeSmallImages(join(folder, "good"));
    const out = join(folder, "never");
    const mistakes = [
      ["--data", truncated],
      ["--data", unlabelled],
      ["--data", stray],
      ["--data", missing],
      ["--data", join(folder, "nowhere")],
      ["--data", good, "--norm", "typo"],
      ["--data", good, "--model", "typo"],
      ["--data", good, "--epochs", "0"],
      ["--data", good, "--lr", "fast"],
      ["--data", good, "--lr=-1"],
      ["--data", good, "--lr-scaling", "cube"],
      ["--data", good, "--norm-momentum", "1"],
      ["--data", good, "--seed", "4294967296"],
      ["--data", good, "--lr", "1e30", "--optimizer", "sgd", "--schedule", "constant", "--norm", "none", "--seed", "1"],
    ];
    const answers = mistakes.map((flags) => {
      const { code, stderr } = evenkeel("train", ...flags, "--out", out);
      expect(code, stderr).toBe(1);
      return stderr.trim();
    });
    // What diverged has a report; nothing else has begun.
    expect(readdirSync(out)).toEqual(["report.html"]);
    expect(answers).toMatchInlineSnapshot(`
      [
        "evenkeel: parseIdx(FOLDER/truncated/train-images-idx3-ubyte): expected 15360 values for shape 240×8×8, got 984. Check that the file is a complete IDX file.",
        "evenkeel: FOLDER/unlabelled: expected a label for each of 60 images, got 3. Check that the four files belong together.",
        "evenkeel: FOLDER/stray, test: expected classes of the training data (0, 1, 2), got 9. Correct the label, or train with this class.",
        "evenkeel: FOLDER/missing: expected t10k-images-idx3-ubyte, plain or gzipped, got no such file. Name a folder with MNIST's four IDX files.",
        "evenkeel: loadData(FOLDER/nowhere): expected mnist, fashion-mnist, or a file or folder of data, got no such file or folder. Check the path.",
        "evenkeel: --norm: expected batch or layer or instance or group or rms or ghost or renorm or lrn or pixel or scale or dyt or frn or evonorm-b0 or evonorm-s0 or switchable or batch-instance or whitening or none, got typo. Pass one of them.",
        "evenkeel: loadNetwork(typo): expected mlp, cnn, resnet, resnet18, resnet34, resnet50, mobilenetV2, mobilenetV3Small, efficientnetB0, densenet121, convnextTiny, vitTiny, nfnet, or the file of a module such as ./net.js, got no such file. Name one of them.",
        "evenkeel: --epochs: expected a whole number of at least 1, got 0. Pass a whole number.",
        "evenkeel: --lr: expected a finite number of at least 0, got fast. Pass a number.",
        "evenkeel: --lr: expected a finite number of at least 0, got -1. Pass a number.",
        "evenkeel: --lr-scaling: expected none or linear or root, got cube. Pass one of them.",
        "evenkeel: BatchNorm(16).momentum: expected a number from 0 up to, not including, 1, or "cumulative", got 1. It weighs the old running value: pass e.g. 0.99.",
        "evenkeel: Generator(seed): expected an integer from 0 to 4294967295, got 4294967296. Pass a whole number in that range.",
        "evenkeel: fit(model, data), step 1: expected a finite loss, finite gradients and a step that fits float32, got a loss of NaN; the first layer whose output is not finite is 3: Conv2d(16, 32, 3). Lower the learning rate (now 1e+30), clip gradients, or look for non-finite values in the data.",
      ]
    `);
  });

  test("a command line that cannot be understood exits 2", () => {
    for (const flags of [["train"], ["train", "--data", "mnist", "--typo"], ["typo"]]) {
      const { code, stderr } = evenkeel(...flags);
      expect(code, stderr).toBe(2);
      expect(stderr).toMatch(/^error: /);
    }
    expect(evenkeel("--help").code).toBe(0);
  });

  test("a flag that the norm has no use for is misuse, and names both", () => {
    const answers = [
      ["--groups", "4"],
      ["--norm", "layer", "--norm-momentum", "0.9"],
      ["--norm", "none", "--norm-eps", "1e-3"],
    ].map((flags) => {
      const { code, stderr } = evenkeel("train", "--data", "nowhere", ...flags);
      expect(code, stderr).toBe(2);
      return stderr.split("\n")[0];
    });
    expect(answers).toMatchInlineSnapshot(`
      [
        "error: --groups: expected a norm that has a use for it (group, evonorm-s0), got --norm batch. Leave it out, or choose another norm.",
        "error: --norm-momentum: expected a norm that has a use for it (batch, ghost, renorm, evonorm-b0, switchable, batch-instance, whitening), got --norm layer. Leave it out, or choose another norm.",
        "error: --norm-eps: expected a norm that has a use for it (batch, layer, instance, group, rms, ghost, renorm, pixel, scale, frn, evonorm-b0, evonorm-s0, switchable, batch-instance, whitening), got --norm none. Leave it out, or choose another norm.",
      ]
    `);
    expect(evenkeel("train", "--help").stdout).toContain("--norm-momentum");
  });

  test("reads gzipped files", async () => {
    const data = writeSmallImages(join(folder, "packed"));
    for (const name of readdirSync(data)) {
      writeFileSync(join(data, `${name}.gz`), gzipSync(readFileSync(join(data, name))));
      rmSync(join(data, name));
    }
    expect((await loadData(data)).train.length).toBe(240);
  });

  test("Ctrl-C ends it with 130, and what was written before stays whole", async () => {
    const data = writeSmallImages(join(folder, "long"));
    const out = join(folder, "interrupted");
    const child = spawn(process.execPath, [main, "train", "--data", data, "--epochs", "100000", "--out", out]);
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    child.stdout.on("data", (text) => {
      if (String(text).includes("epoch 2/")) child.kill("SIGINT");
    });
    const code = await new Promise((resolve) => child.on("exit", resolve));
    expect(stderr).toContain("interrupted");
    expect(code).toBe(130);
    expect(existsSync(join(out, "model.safetensors"))).toBe(false);
    for (const line of readFileSync(join(out, "metrics.jsonl"), "utf8").trim().split("\n")) JSON.parse(line);
  });
});
