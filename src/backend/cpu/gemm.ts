import type { MatrixProduct, MatrixProducts } from "../backend.js";
import { f32 } from "./memory.js";
import { walk } from "./walk.js";

/** c = a·b, plus `bias` in every row if it is given. */
function multiply(
  a: Float32Array,
  b: Float32Array,
  bias: Float32Array | null,
  c: Float32Array,
  { m, n, k, transposeA, transposeB }: MatrixProduct,
): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = bias === null ? 0 : bias[j];
      for (let p = 0; p < k; p++) sum += a[transposeA ? p * m + i : i * k + p] * b[transposeB ? j * k + p : p * n + j];
      c[i * n + j] = sum;
    }
  }
}

/** Matrix products. */
export const matrixProducts: MatrixProducts<ArrayBuffer> = {
  gemm(a, b, bias, c, product) {
    multiply(f32(a), f32(b), bias === null ? null : f32(bias), f32(c), product);
  },

  batchedGemm(a, b, c, product, { extents, aStrides, bStrides }) {
    const left = f32(a);
    const right = f32(b);
    let output = f32(c);
    walk(extents, aStrides, bStrides, (first, second) => {
      multiply(left.subarray(first), right.subarray(second), null, output, product);
      output = output.subarray(product.m * product.n);
    });
  },
};
