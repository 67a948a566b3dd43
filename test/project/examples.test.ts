import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Generator, loadModel, onWarning } from "evenkeel";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { temporaryFolder } from "../support/idx-files.js";

const examples = join(import.meta.dirname, "../../examples");

afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs an example, and returns what it prints. */
async function run(name: string): Promise<string[]> {
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((...values) => lines.push(values.join(" ")));
  await import(`../../examples/${name}.js`);
  return lines;
}

function lengthOf(name: string): number {
  return readFileSync(join(examples, `${name}.js`), "utf8")
    .trimEnd()
    .split("\n").length;
}

test("a module of one's own trains in at most 40 lines", async () => {
  const [trained, state] = await run("custom-module");
  const [, accuracy, low, high] = /^accuracy (\S+); β from (\S+) to (\S+)$/.exec(trained)?.map(Number) ?? [];
  expect(accuracy).toBeGreaterThan(0.95);
  expect(low).toBeLessThan(1);
  expect(high).toBeGreaterThan(1);
  expect(state).toBe("0.weight, 0.bias, 1.beta, 2.weight, 2.bias");
  expect(lengthOf("custom-module")).toBeLessThanOrEqual(40);
});

test("a loss of one's own ignores outliers in at most 40 lines", async () => {
  const [line] = await run("custom-loss");
  const [, atZero, atHalf] = /^f\(0\) = (\S+), f\(0.5\) = (\S+)$/.exec(line)?.map(Number) ?? [];
  expect(Math.abs(atZero - 1)).toBeLessThan(0.3);
  expect(Math.abs(atHalf - 2.5)).toBeLessThan(0.3);
  expect(lengthOf("custom-loss")).toBeLessThanOrEqual(40);
});

test("signals are told apart by one-dimensional convolutions with batch norm", async () => {
  const lines = await run("signal-classifier");
  const [, accuracy] = /^accuracy on unseen signals: (\S+)$/.exec(lines[5])?.map(Number) ?? [];
  expect(accuracy).toBeGreaterThan(0.95);
});

test("a transformer with RMS norm learns what single characters do not tell, and goes on with the rhyme", async () => {
  const [losses, rhyme] = await run("char-transformer");
  const [, entropy, loss] = /^entropy of single characters (\S+), loss (\S+)$/.exec(losses)?.map(Number) ?? [];
  expect(entropy).toBeGreaterThan(2.5);
  expect(loss).toBeLessThan(0.5);
  expect(rhyme).toMatch(/^This is the cow with the crumpled horn that tossed /);
});

describe("CIFAR-10", () => {
  const folder = temporaryFolder();
  const { argv, exitCode } = process;
  afterEach(() => {
    process.argv = argv;
    process.exitCode = exitCode;
    vi.resetModules();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Records as in the binary files: images of two classes, one brighter above and the other below. */
  const records = (count: number): Uint8Array => {
    const generator = new Generator(count);
    return Uint8Array.from(
      Array.from({ length: count }, (_, k) => [
        k % 2,
        ...Array.from({ length: 3072 }, (_, i) => (i % 1024 < 512 === (k % 2 === 0) ? 150 : 0) + generator.below(100)),
      ]).flat(),
    );
  };
  const write = (): void => {
    for (let k = 1; k <= 5; k++) writeFileSync(join(folder, `data_batch_${k}.bin`), records(16));
    writeFileSync(join(folder, "test_batch.bin"), records(8));
  };

  test("trains a network on files of the binary format, and saves it", async () => {
    write();
    onWarning(() => {});
    process.argv = ["node", "cifar10.js", folder, "1"];
    expect(await run("cifar10")).toEqual([
      expect.stringMatching(/^epoch 1\/1: loss \d\.\d{4}, test accuracy [01]\.\d{4}$/),
    ]);
    const { meta } = loadModel(readFileSync(join(folder, "resnet.safetensors")));
    expect(meta.classes?.[9]).toBe("truck");
    expect(meta.preprocessing?.mean).toHaveLength(3);
  });

  test("names a file that is missing, cut short or of another format, in one line", async () => {
    write();
    const errors: string[] = [];
    const attempt = async (): Promise<void> => {
      vi.resetModules();
      vi.spyOn(console, "error").mockImplementation((line) => errors.push(line.replaceAll(folder, "FOLDER")));
      process.argv = ["node", "cifar10.js", folder, "1"];
      await run("cifar10");
      expect(process.exitCode).toBe(1);
    };
    const bytes = records(16);
    writeFileSync(join(folder, "data_batch_3.bin"), bytes.subarray(0, 5000));
    await attempt();
    bytes[3073] = 11;
    writeFileSync(join(folder, "data_batch_3.bin"), bytes);
    await attempt();
    rmSync(join(folder, "data_batch_3.bin"));
    await attempt();
    expect(errors).toMatchInlineSnapshot(`
      [
        "FOLDER/data_batch_3.bin: expected records of 3073 bytes, got 5000 bytes. Download it again; it is the binary version that is read.",
        "FOLDER/data_batch_3.bin: expected classes from 0 to 9, got 11 in record 1. Download it again; it is the binary version that is read.",
        "FOLDER/data_batch_3.bin: expected a file of CIFAR-10, got none. Unpack cifar-10-binary.tar.gz, and name the folder cifar-10-batches-bin.",
      ]
    `);
  });
});

test("a network is shipped: exported, inspected, recalibrated on another camera's images, folded, run by onnxruntime-web", async () => {
  const lines = await run("ship-onnx");
  const accuracies = lines.flatMap((line) => /accuracy (\d\.\d\d)/.exec(line)?.slice(1) ?? []).map(Number);
  const [trained, elsewhere, recalibrated, folded] = accuracies;
  expect(Math.min(trained, recalibrated, folded)).toBeGreaterThan(0.95);
  expect(elsewhere).toBeLessThan(0.7);
  expect(lines[2]).toMatch(/^4\/BatchNormalization: 8 channels, variance .*, folds into Conv 3\/Conv$/);
  expect(lines.join("\n")).toContain("2 folded, 0 left");
});
