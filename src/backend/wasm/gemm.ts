import type { MatrixProducts } from "../backend.js";
import type { Runtime } from "./runtime.js";

/** Bytes of working memory of the kernels' `product` for up to `n` columns and `k` products to a sum. */
export function productScratch(n: number, k: number): number {
  return 98432 + 4 * Math.min(k, 256) * Math.ceil(Math.min(n, 1024) / 16) * 16;
}

/** What a multiply-add of the kernels' `product` takes, in ns: {@link Runtime.share}. */
export const multiplyAddNs = 0.042;
/** What a value of b takes to be laid out for it. */
const packedNs = 0.15;

/** What a product takes, in ns. */
function workOf(m: number, n: number, k: number): number {
  return n * k * (multiplyAddNs * m + packedNs);
}

/** Axes before the two of a matrix, at most. */
const batchLoops = 3;

/** Matrix products on the kernels of assembly/gemm.ts. */
export function gemm(runtime: Runtime): MatrixProducts<number> {
  return {
    gemm(a, b, bias, c, { m, n, k, transposeA, transposeB }) {
      // The longer side of c is shared out, so that little is packed twice.
      const byColumns = n > m;
      const units = byColumns ? Math.ceil(n / 16) : Math.ceil(m / 8);
      const scratch = productScratch(n, k);
      runtime.shareWithScratch(
        "gemm",
        units,
        workOf(m, n, k),
        scratch,
        ...[a, b, bias ?? 0, c, m, n, k, Number(transposeA), Number(transposeB), Number(byColumns)],
      );
    },

    batchedGemm(a, b, c, { m, n, k, transposeA, transposeB }, { extents, aStrides, bStrides }) {
      const loops = (values: readonly number[], filler: number): number[] => [
        ...new Array<number>(batchLoops - values.length).fill(filler),
        ...values,
      ];
      const products = extents.reduce((total, extent) => total * extent, 1);
      runtime.shareWithScratch(
        "gemmBatch",
        products * Math.ceil(m / 8),
        products * workOf(m, n, k),
        productScratch(n, k),
        ...[a, b, c, m, n, k, Number(transposeA), Number(transposeB)],
        ...[...loops(extents, 1).slice(1), ...loops(aStrides, 0), ...loops(bStrides, 0)],
      );
    },
  };
}
