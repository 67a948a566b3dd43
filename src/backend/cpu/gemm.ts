import type { MatrixProducts } from "../backend.js";
import { f32 } from "./memory.js";

/** Matrix products. */
export const matrixProducts: MatrixProducts<ArrayBuffer> = {
  gemm(a, b, bias, c, { m, n, k, transposeA, transposeB }) {
    const left = f32(a);
    const right = f32(b);
    const added = bias === null ? null : f32(bias);
    const output = f32(c);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = added === null ? 0 : added[j];
        for (let p = 0; p < k; p++) {
          sum += left[transposeA ? p * m + i : i * k + p] * right[transposeB ? j * k + p : p * n + j];
        }
        output[i * n + j] = sum;
      }
    }
  },
};
