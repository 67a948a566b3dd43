import type { MatrixProducts } from "../backend.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";

/** What a multiply-add of the kernels' `product` takes, in ns: {@link Runtime.share}. */
export const multiplyAddNs = 0.042;
/** What a value of b takes to be laid out for it. */
const packedNs = 0.15;

/** What a product takes, in ns. */
function workOf(m: number, n: number, k: number): number {
  return n * k * (multiplyAddNs * m + packedNs);
}

function panels(n: number): number {
  return Math.ceil(n / kernels.packedColumns);
}

/** Axes before the two of a matrix, at most. */
const batchLoops = 3;

/** Matrix products on the kernels of assembly/gemm/. */
export function gemm(runtime: Runtime): MatrixProducts<number> {
  return {
    gemm(a, b, bias, c, { m, n, k, transposeA, transposeB }) {
      // The longer side of c is shared out, so that little is packed twice.
      const byColumns = n > m;
      const units = byColumns ? Math.ceil(n / kernels.gemmColumns) : Math.ceil(m / kernels.gemmRows);
      const product = { a, b, bias: bias ?? 0, c, m, n, k, transposeA, transposeB, byColumns };
      runtime.share(kernels.gemm, { units, work: workOf(m, n, k) }, product);
    },

    batchedGemm(a, b, c, { m, n, k, transposeA, transposeB }, { extents, aStrides, bStrides }) {
      const loops = (values: readonly number[], filler: number): number[] => [
        ...new Array<number>(batchLoops - values.length).fill(filler),
        ...values,
      ];
      const products = extents.reduce((total, extent) => total * extent, 1);
      const [, e1, e2] = loops(extents, 1);
      const [a0, a1, a2] = loops(aStrides, 0);
      const [b0, b1, b2] = loops(bStrides, 0);
      const units = products * Math.ceil(m / kernels.gemmRows);
      const product = { a, b, c, m, n, k, transposeA, transposeB, e1, e2, a0, a1, a2, b0, b1, b2 };
      runtime.share(kernels.gemmBatch, { units, work: products * workOf(m, n, k) }, product);
    },

    packedProducts: {
      bytes: (n, k) => 4 * kernels.packedColumns * panels(n) * k,
      pack(b, packed, n, k) {
        runtime.share(kernels.packWeights, { units: panels(n), work: packedNs * n * k }, { b, packed, n, k });
      },
      gemm(a, packed, bias, c, m, n, k) {
        const work = multiplyAddNs * m * n * k;
        runtime.share(kernels.gemmPacked, { units: panels(n), work }, { a, packed, bias: bias ?? 0, c, m, n, k });
      },
    },
  };
}
