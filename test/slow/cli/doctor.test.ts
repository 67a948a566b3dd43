import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { BatchNorm, Flatten, Linear, ReLU, Sequential, saveModel, setBackend } from "evenkeel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectReadable } from "../../support/accessible.js";
import { hasChromium } from "../../support/chromium.js";
import { evenkeelIn } from "../../support/command.js";
import { temporaryFolder, writeSmallImages } from "../../support/idx-files.js";

let folder = "";
const evenkeel = (...args: string[]) => evenkeelIn(folder, ...args);
const meta = { inputShape: [1, 8, 8], classes: ["a", "b", "c"], preprocessing: { scale: 1 / 255 } };

beforeAll(() => {
  setBackend("wasm");
  folder = temporaryFolder();
  writeSmallImages(join(folder, "images"));
  const layers = [new Flatten(), new Linear(64, 4), new BatchNorm(4), new ReLU(), new Linear(4, 3), new BatchNorm(3)];
  writeFileSync(join(folder, "model.safetensors"), saveModel(new Sequential(...layers), meta));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("evenkeel doctor", () => {
  test("tells what is wrong, writes its page and exits with 3", () => {
    const { code, stdout, stderr } = evenkeel("doctor", "model.safetensors", "--data", "images", "--batch-size", "24");
    expect([code, stderr]).toEqual([3, ""]);
    expect(stdout).toContain("240 samples (train) in batches of 24");
    expect(stdout).toContain(
      "layer 2: the running statistics still have their initial values, mean 0 and variance 1; layer 5 is no worse. Recalibrate, or call train()",
    );
    expect(stdout).toContain(
      "\n   evenkeel recalibrate model.safetensors --data images -o model-recalibrated.safetensors\n",
    );
    expect(stdout.split("\n").filter((line) => /^(norm|noise|activation|through)/.test(line))).toMatchInlineSnapshot(`
      [
        "norm             mean off by  deviation off by          at worst  γ near 0  variance below eps",
        "noise of batches  means  in theory  variances  in theory  values  as independent       5 % takes",
        "activation  channels  dead",
        "through the depth  deviation  gradient  gradient over weight",
      ]
    `);
    expect(stdout).toContain("wrote doctor.html");
  });

  test.skipIf(!hasChromium)("its page is readable (skipped without /usr/bin/chromium)", async () => {
    await expectReadable(readFileSync(join(folder, "doctor.html"), "utf8"));
  });

  test("finds nothing after the cure, exits with 0, and prints JSON", () => {
    evenkeel("recalibrate", "model.safetensors", "--data", "images", "-o", "cured.safetensors");
    const args = ["doctor", "cured.safetensors", "--data", "images", "--no-page", "--json", "--samples", "200"];
    const { code, stdout } = evenkeel(...args);
    const { model, page, samples, batchSize, findings } = JSON.parse(stdout);
    expect(findings).toEqual([]);
    expect([code, model, page, samples, batchSize]).toEqual([0, "cured.safetensors", null, 200, 64]);
  });

  test("of two models says what differs on the same data, and exits with 3 if one has findings", () => {
    const both = ["model.safetensors", "cured.safetensors", "--data", "images"];
    const { code, stdout, stderr } = evenkeel("doctor", ...both, "-o", "both.html");
    expect([code, stderr]).toEqual([3, ""]);
    expect(stdout).toContain("A  model.safetensors\nB  cured.safetensors\n");
    expect(stdout).toMatch(/^findings +[1-9]\d* +0$/m);
    expect(stdout).toContain("only A, layer 2:");
    expect(stdout).not.toContain("only B");
    const [last] = stdout.trim().split("\n").slice(-1);
    expect(last).toBe("wrote both.html");
    const page = readFileSync(join(folder, "both.html"), "utf8");
    const alone = readFileSync(join(folder, "doctor.html"), "utf8");
    expect(evenkeel("doctor", ...both).stdout).toContain("wrote compare.html");
    expect(readFileSync(join(folder, "compare.html"), "utf8")).toBe(page);
    expect(readFileSync(join(folder, "doctor.html"), "utf8")).toBe(alone);
    expect(page).toContain("How two models differ");
    const { models, differences } = JSON.parse(evenkeel("doctor", ...both, "--no-page", "--json").stdout);
    expect(models.map(({ model }: { model: string }) => model)).toEqual(both.slice(0, 2));
    expect(differences.findings.map(({ model }: { model: number }) => model)).toContain(0);
    const same = evenkeel("doctor", "cured.safetensors", "cured.safetensors", "--data", "images", "--no-page");
    expect([same.code, same.stdout]).toEqual([0, expect.stringContaining("Neither model has a finding.")]);
    expect(evenkeel("doctor", "cured.safetensors", "nowhere", "--data", "images").stderr).toContain("loadRun(nowhere)");
  });

  test.skipIf(!existsSync("/usr/bin/script"))(
    "shows its passes on a terminal (skipped without /usr/bin/script)",
    () => {
      const line = `${process.execPath} ${resolve("dist/cli/main.js")} doctor cured.safetensors --data images --no-page`;
      const { status, stdout } = spawnSync("/usr/bin/script", ["-qefc", line, "/dev/null"], {
        cwd: folder,
        encoding: "utf8",
      });
      expect(status).toBe(0);
      expect(stdout).toMatch(/pass \d\/\d .*\d+%/);
      expect(stdout).toContain("240 samples (train)");
    },
  );

  test("leaves out a few samples at the end, which are no batch of training", () => {
    const args = ["doctor", "cured.safetensors", "--data", "images", "--no-page"];
    for (const [batchSize, samples] of [
      ["80", 240],
      ["79", 237], // 3 left over
      ["58", 240], // 8 left over
    ]) {
      const { stdout, stderr } = evenkeel(...args, "--batch-size", `${batchSize}`);
      expect([stdout.split("\n")[0], stderr]).toEqual([`${samples} samples (train) in batches of ${batchSize}`, ""]);
    }
  });

  test("mistakes are told in one line, and write nothing", () => {
    const mistakes = [
      ["nowhere", "--data", "images"],
      ["model.safetensors", "--data", "images", "--batch-size", "1"],
      ["model.safetensors", "--data", "images", "--part", "validation"],
    ];
    const answers = mistakes.map((args) => {
      const { code, stdout, stderr } = evenkeel("doctor", ...args, "-o", "bad.html");
      expect([code, stdout]).toEqual([1, ""]);
      return stderr.trim();
    });
    expect(answers).toMatchInlineSnapshot(`
      [
        "evenkeel: loadRun(nowhere): expected the folder of a run or a .safetensors file, got no such file or folder. Check the name.",
        "evenkeel: --batch-size: expected a whole number of at least 2, got 1. Pass a whole number.",
        "evenkeel: --part: expected a part that the data have, got validation. Leave the part out.",
      ]
    `);
    expect(existsSync(join(folder, "bad.html"))).toBe(false);
    const model = readFileSync(join(folder, "model.safetensors"));
    const over = evenkeel("doctor", "model.safetensors", "--data", "images", "-o", "model.safetensors");
    expect([over.code, over.stderr]).toMatchInlineSnapshot(`
      [
        1,
        "evenkeel: model.safetensors: expected another file than those that are read, got the same. Name a new file: what is read is never changed.
      ",
      ]
    `);
    expect(readFileSync(join(folder, "model.safetensors"))).toEqual(model);
    expect(evenkeel("doctor", "model.safetensors").code).toBe(2);
  });
});
