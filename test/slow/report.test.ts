import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectReadable } from "../support/accessible.js";
import { hasChromium } from "../support/chromium.js";
import { evenkeelIn } from "../support/command.js";
import { temporaryFolder, writeSmallImages } from "../support/idx-files.js";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const train = (out: string, ...more: string[]): { code: number | null; stderr: string } =>
  evenkeelIn(
    folder,
    "train",
    "--data",
    "images",
    "--epochs",
    "2",
    "--batch-size",
    "16",
    "--seed",
    "5",
    "--out",
    out,
    ...more,
  );
const pageOf = (out: string): string => readFileSync(join(folder, out, "report.html"), "utf8");

beforeAll(() => {
  writeSmallImages(join(folder, "images"), { train: 96, test: 30 });
  expect(train("run", "--norm-momentum", "0.5", "--lr", "0.0003")).toMatchObject({ code: 0, stderr: "" });
});

describe("the report of a run", () => {
  test.skipIf(!hasChromium)(
    "is readable narrow and wide, light and dark (skipped without /usr/bin/chromium)",
    async () => {
      await expectReadable(pageOf("run"));
    },
  );

  test("shows curves, schedule, confusion matrix, mistakes, and each normalisation layer", () => {
    const { document } = parseHTML(pageOf("run"));
    const texts = (selector: string): (string | null)[] =>
      [...document.querySelectorAll(selector)].map(({ textContent }) => textContent);
    expect(texts("h2")).toEqual(["Result", "Learning curves", "Confusion matrix", "Worst mistakes", "Normalisation"]);
    expect(texts(".fold > summary")).toEqual([
      "Settings",
      "1: BatchNorm(16)",
      "5: BatchNorm(32)",
      "10: BatchNorm(128)",
    ]);
    const layer = [
      "γ, the weight",
      "β, the bias",
      "Mean of the input",
      "Variance of the input",
      "Values before the layer",
      "Values after the layer",
    ];
    expect(texts(".name")).toEqual([
      "Loss",
      "Accuracy",
      "Learning rate",
      "Gradient norm",
      "Which classes are confused",
      ...layer,
      ...layer,
      ...layer,
    ]);
  });

  test("shows how far the running statistics are from those of the last batches", () => {
    const { document } = parseHTML(pageOf("run"));
    const [table] = [...document.querySelectorAll("table")].filter((one) =>
      one.textContent?.includes("How far the running statistics are from those of the last batches"),
    );
    const rows = [...table.querySelectorAll("tbody tr")].map((row) =>
      [...row.querySelectorAll("th, td")].map((cell) => cell.textContent ?? ""),
    );
    expect(rows.map(([layer]) => layer)).toEqual(["1: BatchNorm(16)", "5: BatchNorm(32)", "10: BatchNorm(128)"]);
    for (const [, ...distances] of rows) {
      expect(distances).toHaveLength(2);
      for (const distance of distances) expect(distance).toMatch(/^0\.\d{3} σ$/);
    }
  });

  test("counts what evenkeel evaluate counts, and shows as many mistakes", () => {
    const { document } = parseHTML(pageOf("run"));
    const { stdout } = evenkeelIn(folder, "evaluate", "run", "--data", "images", "--json");
    const { counts, accuracy }: { counts: number[][]; accuracy: number } = JSON.parse(stdout);
    const [matrix] = [...document.querySelectorAll("figure table")].filter((table) =>
      table.textContent?.includes("Which class"),
    );
    const rows = [...matrix.querySelectorAll("tbody tr")].map((row) =>
      [...row.querySelectorAll("td")].map((cell) => Number(cell.textContent)),
    );
    expect(rows).toEqual(counts);
    const wrong = Math.round((1 - accuracy) * 30);
    expect(wrong).toBeGreaterThan(0);
    expect(document.querySelectorAll(".gallery img")).toHaveLength(Math.min(24, wrong));
  });

  test("shows the images as they lie in the file", async () => {
    const { document } = parseHTML(pageOf("run"));
    const [image] = [...document.querySelectorAll(".gallery img")];
    const [, index] = /^Test image (\d+),/.exec(image.getAttribute("alt") ?? "") ?? [];
    const [, base64] = /^data:image\/png;base64,(.*)$/.exec(image.getAttribute("src") ?? "") ?? [];
    const { default: sharp } = await import("sharp");
    const { data, info } = await sharp(Buffer.from(base64, "base64"))
      .greyscale()
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([8, 8]);
    const file = readFileSync(join(folder, "images/t10k-images-idx3-ubyte"));
    expect(Array.from(data)).toEqual(Array.from(file.subarray(16 + 64 * Number(index), 16 + 64 * (Number(index) + 1))));
  });

  test("is not written with --no-report, which leaves the model as it is", () => {
    expect(train("bare", "--norm-momentum", "0.5", "--lr", "0.0003", "--no-report")).toMatchObject({
      code: 0,
      stderr: "",
    });
    expect(readdirSync(join(folder, "bare")).sort()).toEqual(["metrics.jsonl", "model.safetensors"]);
    const model = (out: string): Buffer => readFileSync(join(folder, out, "model.safetensors"));
    expect(model("bare").equals(model("run"))).toBe(true);
  });

  test("says so where there is no normalisation layer and no mistake", () => {
    expect(train("none", "--norm", "none", "--epochs", "8")).toMatchObject({ code: 0 });
    const page = pageOf("none");
    expect(page).toContain("The network has no normalisation layer.");
    expect(page).toContain("None: every test sample was predicted right.");
  });
});
