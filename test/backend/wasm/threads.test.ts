import { execFileSync } from "node:child_process";
import { join } from "node:path";
import {
  Adam,
  BatchNorm,
  conv2d,
  embedding,
  Generator,
  gelu,
  LayerNorm,
  maxPool2d,
  noGrad,
  relu,
  scope,
  seed,
  softmax,
  type Tensor,
  tanh,
  tensor,
  threads,
} from "evenkeel";
import { afterAll, describe, expect, test } from "vitest";
import { goldenHash } from "../../support/golden-hash.js";
import { goldenRun } from "../../support/golden-run.js";

const root = join(import.meta.dirname, "..");

afterAll(async () => {
  await threads(1);
});

/** Values of a normal distribution, the same for equal seeds. */
function normal(length: number, at: number): Float32Array {
  const generator = new Generator(at);
  return Float32Array.from({ length }, () => generator.normal(0.3, 2));
}

/** Every kind of kernel over `rows` rows: forward and gradients, as bytes. */
function everything(rows: number, columns: number): string {
  const results: Float32Array[] = [];
  scope(() => {
    const x = tensor(normal(rows * columns, 1), [rows, columns], { requiresGrad: true });
    const weight = tensor(normal(columns * 33, 2), [columns, 33], { requiresGrad: true });
    const norm = new BatchNorm(columns, { momentum: 0.5 });
    const y = softmax(norm.forward(x).matmul(weight), 1).log();
    y.backward(normal(rows * 33, 3));
    results.push(y.dataSync());
    for (const t of [x, weight, norm.weight, norm.bias]) results.push(t?.grad?.dataSync() ?? new Float32Array(0));
    results.push(norm.runningMean?.dataSync() ?? new Float32Array(0), y.sum(0).dataSync(), y.max(1).dataSync());
  });
  return Buffer.concat(results.map((one) => Buffer.from(one.buffer))).toString("base64");
}

/** A convolution and its gradients. */
function convolution(): string {
  const results: Float32Array[] = [];
  scope(() => {
    const x = tensor(normal(9 * 6 * 19 * 17, 4), [9, 6, 19, 17], { requiresGrad: true });
    const weight = tensor(normal(8 * 6 * 9, 5), [8, 6, 3, 3], { requiresGrad: true });
    const y = new BatchNorm(8).forward(conv2d(x, weight, null, { padding: 1 }));
    y.backward(normal(y.size, 6));
    for (const t of [y, x.grad, weight.grad]) results.push(t?.dataSync() ?? new Float32Array(0));
  });
  return Buffer.concat(results.map((one) => Buffer.from(one.buffer))).toString("base64");
}

describe("threads", () => {
  test("as many as were asked for are ready, and none is lost when the number changes", async () => {
    for (const count of [3, 2, 4, 1, 2]) expect(await threads(count)).toEqual({ count, reason: null });
    expect(await threads()).toEqual({ count: 2, reason: null });
  });

  test.each([2, 3, 4])("%i of them give the bits of the pinned training run", async (count) => {
    await threads(count);
    const evenkeel = await import("evenkeel");
    expect(await goldenRun(evenkeel)).toBe(goldenHash);
  });

  test.each([
    [127, 70],
    [128, 70],
    [129, 70],
    [4097, 70],
    [12007, 3],
  ])("any number gives the same bits over %i rows of %i", async (rows, columns) => {
    await threads(1);
    const alone = everything(rows, columns);
    for (const count of [2, 3, 4]) {
      await threads(count);
      expect(everything(rows, columns) === alone).toBe(true);
    }
  });

  test("any number gives the same bits of a convolution and its gradients", async () => {
    await threads(1);
    const alone = convolution();
    for (const count of [2, 3, 4]) {
      await threads(count);
      expect(convolution() === alone).toBe(true);
    }
  });

  test("any number gives the same bits at sizes around those from which work is shared", async () => {
    // About 10 and 25 µs of work, less and more: of values, of rows of 65, of images of 3×9×9.
    const compute = (): string => {
      const results: Float32Array[] = [];
      const keep = (...tensors: (Tensor | null | undefined)[]): void => {
        for (const t of tensors) results.push(t?.dataSync() ?? new Float32Array(0));
      };
      scope(() => {
        for (const size of [863, 1733, 3461, 6911, 32_771, 65_537, 131_101]) {
          const x = tensor(normal(size, 9), [size], { requiresGrad: true });
          gelu(relu(x).mul(x)).add(tanh(x)).backward(normal(size, 10));
          const adam = new Adam([x], { lr: 0.1 });
          adam.step();
          keep(x, x.grad, x.sum());
        }
        for (const rows of [9, 31, 63, 129, 257, 511]) {
          const x = tensor(normal(rows * 65, 11), [rows, 65], { requiresGrad: true });
          const [batch, layer] = [new BatchNorm(65), new LayerNorm(65)];
          const y = layer.forward(batch.forward(x)).add(softmax(x, 1)).sub(x.sum(0));
          y.backward(normal(y.size, 12));
          keep(y, x.grad, batch.weight?.grad, layer.weight?.grad, batch.runningVar, y.transpose([1, 0]));
        }
        for (const images of [8, 17, 67]) {
          const x = tensor(normal(images * 243, 13), [images, 3, 9, 9], { requiresGrad: true });
          const weight = tensor(normal(216, 14), [8, 3, 3, 3], { requiresGrad: true });
          const y = maxPool2d(new BatchNorm(8).forward(conv2d(x, weight, null, { padding: 1 })), 2);
          y.backward(normal(y.size, 15));
          keep(y, x.grad, weight.grad);
        }
      });
      return Buffer.concat(results.map((one) => Buffer.from(one.buffer))).toString("base64");
    };
    await threads(1);
    const alone = compute();
    for (const count of [2, 3, 4]) {
      await threads(count);
      expect(compute() === alone).toBe(true);
    }
  });

  test("any number gives the same bits of products of many matrices, and of a table's gradient", async () => {
    const compute = (): string => {
      const results: Float32Array[] = [];
      scope(() => {
        const table = tensor(normal(50 * 24, 7), [50, 24], { requiresGrad: true });
        const rows = embedding(
          Int32Array.from({ length: 6 * 300 }, (_, k) => (k * k) % 50),
          table,
        ).reshape([6, 300, 24]);
        const y = rows.matmul(rows.transpose([0, 2, 1]));
        y.backward(normal(y.size, 8));
        results.push(y.dataSync(), table.grad?.dataSync() ?? new Float32Array(0));
      });
      return Buffer.concat(results.map((one) => Buffer.from(one.buffer))).toString("base64");
    };
    await threads(1);
    const alone = compute();
    for (const count of [2, 3, 4]) {
      await threads(count);
      expect(compute() === alone).toBe(true);
    }
  });

  test("memory may grow while they are at work", async () => {
    await threads(2);
    seed(1);
    scope(() =>
      noGrad(() => {
        for (let size = 1 << 16; size <= 1 << 24; size *= 4) {
          const x = tensor(new Float32Array(size).fill(2));
          expect(x.mul(x).sum().item()).toBe(4 * size);
        }
      }),
    );
  });

  test("a finished process ends by itself", () => {
    const script = `
      import { tensor, threads } from "evenkeel";
      await threads(2);
      console.log(tensor(new Float32Array(1 << 20).fill(1)).add(1).sum().item());
    `;
    const options = { cwd: root, encoding: "utf8", timeout: 20_000 } as const;
    expect(execFileSync(process.execPath, ["--input-type=module", "-e", script], options).trim()).toBe("2097152");
  });

  test("EVENKEEL_THREADS sets the number that is started unasked", () => {
    const script = `import { threads } from "evenkeel"; console.log(JSON.stringify(await threads()));`;
    const env = { ...process.env, EVENKEEL_THREADS: "3" };
    const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: root,
      encoding: "utf8",
      env,
    });
    expect(JSON.parse(output)).toEqual({ count: 3, reason: null });
  });

  test("a number that is none is refused", async () => {
    await expect(threads(0)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: threads(n): expected n to be a whole number of at least 1, got 0. Correct n.]`,
    );
  });
});
