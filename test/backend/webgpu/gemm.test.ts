import { test } from "vitest";
import { describeWebgpu } from "../../support/gpu.js";
import { normalValues } from "../../support/seeded.js";

const sizes = [
  [1, 1, 1],
  [33, 35, 17],
  [7, 130, 700],
  [5, 3, 0],
  [0, 3, 4],
  [64, 10, 128],
] as const;
const transposes = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

describeWebgpu("matrix products", (twins) => {
  test.each(sizes)("%i × %i × %i", async (m, n, k) => {
    const t = twins();
    const [a, b, bias] = [t.of(normalValues(m * k, 1)), t.of(normalValues(k * n, 2)), t.of(normalValues(n, 3))];
    for (const [transposeA, transposeB] of transposes) {
      const product = { m, n, k, transposeA, transposeB };
      const [plain, shifted] = [t.output(m * n), t.output(m * n)];
      t.call((backend, block) => {
        backend.gemm(block(a), block(b), null, block(plain), product);
        backend.gemm(block(a), block(b), block(bias), block(shifted), product);
      });
      await t.expectClose(plain, 2e-6);
      await t.expectClose(shifted, 2e-6);
    }
  });

  test("batches whose matrices repeat", async () => {
    const t = twins();
    const [m, n, k] = [5, 6, 7];
    const [a, b, c] = [t.of(normalValues(3 * m * k, 1)), t.of(normalValues(2 * k * n, 2)), t.output(6 * m * n)];
    const batch = { extents: [2, 3], aStrides: [0, m * k], bStrides: [k * n, 0] };
    const product = { m, n, k, transposeA: false, transposeB: false };
    t.call((backend, block) => backend.batchedGemm(block(a), block(b), block(c), product, batch));
    await t.expectClose(c, 1e-6);
  });
});
