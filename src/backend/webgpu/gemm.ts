import type { BinaryView, MatrixProduct, MatrixProducts } from "../backend.js";
import { walkOf } from "./elementwise.js";
import type { GpuBlock } from "./memory.js";
import type { Recorder } from "./recorder.js";
import { kernels } from "./shaders.generated.js";

/** Rows and columns of what one workgroup makes, and its lanes. */
export interface TilePlan {
  readonly BM: number;
  readonly BN: number;
  readonly SIZE: number;
}

const small: TilePlan = { BM: 32, BN: 32, SIZE: 64 };
const large: TilePlan = { BM: 64, BN: 64, SIZE: 256 };
/** Fewer workgroups leave a device idle. */
const fewGroups = 64;

export function tilesOf(m: number, n: number, { BM, BN }: TilePlan): number {
  return Math.ceil(m / BM) * Math.ceil(n / BN);
}

/** The tile for `count` products of m × n values: the large one if enough of them fill the device. */
export function planTile(m: number, n: number, count: number): TilePlan {
  return count * tilesOf(m, n, large) >= fewGroups ? large : small;
}

/** Into how many pieces K is cut so that there are enough workgroups; by the shape only, since it changes bits. */
export function splitsOf(k: number, tiles: number, least: number): number {
  return k < 2 * least ? 1 : Math.max(1, Math.min(Math.ceil(k / least), Math.floor(fewGroups / tiles)));
}

/** y = Σ over `count` pieces of `length` values. */
export function sumOfPieces(gpu: Recorder, x: GpuBlock, y: GpuBlock, count: number, length: number): void {
  const numbers = { lines: length, count, inner: length, pieces: 1, size: count };
  gpu.run(kernels.sum, Math.ceil(length / 256), { x, y }, numbers, { LX: 256, LY: 1 });
}

const one: BinaryView = { extents: [], aStrides: [], bStrides: [] };

/** Matrix products. */
export function matrixProducts(gpu: Recorder): MatrixProducts<GpuBlock> {
  function multiply(
    a: GpuBlock,
    b: GpuBlock,
    bias: GpuBlock | null,
    c: GpuBlock,
    { m, n, k, transposeA, transposeB }: MatrixProduct,
    { extents, aStrides, bStrides }: BinaryView,
  ): void {
    const batches = extents.reduce((product, extent) => product * extent, 1);
    const plan = planTile(m, n, batches);
    const tiles = tilesOf(m, n, plan) * batches;
    const splits = splitsOf(k, Math.max(1, tiles), 256);
    const size = Math.ceil(k / splits);
    const numbers = { m, n, k, splits, size, batches, ...walkOf(extents, aStrides, bStrides) };
    const constants = { ...plan, A_BY_COLUMNS: transposeA, B_BY_COLUMNS: transposeB };
    if (splits === 1) {
      gpu.run(kernels.gemm, tiles, { a, b, bias, c }, numbers, constants);
      return;
    }
    const length = batches * m * n;
    gpu.scratch(4 * splits * length, (pieces) => {
      gpu.run(kernels.gemm, tiles * splits, { a, b, bias, c: pieces }, numbers, constants);
      sumOfPieces(gpu, pieces, c, splits, length);
    });
  }

  return {
    gemm: (a, b, bias, c, product) => multiply(a, b, bias, c, product, one),
    batchedGemm: (a, b, c, product, batch) => multiply(a, b, null, c, product, batch),
  };
}
