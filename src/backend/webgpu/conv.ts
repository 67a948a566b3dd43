import type { ConvGeometry, Convolutions } from "../backend.js";
import { groupsFor } from "./elementwise.js";
import { matrixProducts, planTile, splitsOf, sumOfPieces, tilesOf } from "./gemm.js";
import type { GpuBlock } from "./memory.js";
import type { Recorder } from "./recorder.js";
import { kernels } from "./shaders.generated.js";

/** Groups of fewer channels leave most of a tile empty. */
const fewChannels = 4;
/** Places of y that one piece of a weight gradient sums. */
const piecePlaces = 1024;

/** The sizes that all kernels of conv.wgsl ask for. */
function sizesOf(geometry: ConvGeometry) {
  const { inChannels, height, width, outChannels, outHeight, outWidth, groups } = geometry;
  const [[kh, kw], [sy, sx], [py, px]] = [geometry.kernel, geometry.stride, geometry.padding];
  const [ey, ex] = geometry.dilation;
  const [inPerGroup, outPerGroup] = [inChannels / groups, outChannels / groups];
  return {
    ...{ inChannels, height, width, outChannels, outHeight, outWidth, kh, kw, sy, sx, py, px, ey, ex },
    ...{ inPerGroup, outPerGroup },
  };
}

/** Whether each place of y is one place of x, in one group. */
function isPointwise({ kernel, stride, padding, groups }: ConvGeometry): boolean {
  const isOne = (pair: readonly number[]) => pair[0] === 1 && pair[1] === 1;
  return isOne(kernel) && isOne(stride) && padding[0] === 0 && padding[1] === 0 && groups === 1;
}

/** Convolutions and their gradients. */
export function convolutions(gpu: Recorder): Convolutions<GpuBlock> {
  const products = matrixProducts(gpu);

  return {
    conv2d(x, weight, bias, y, geometry) {
      const { batch, outChannels, outHeight, outWidth, groups } = geometry;
      const sizes = sizesOf(geometry);
      const { inPerGroup, outPerGroup } = sizes;
      const plane = outHeight * outWidth;
      if (outPerGroup < fewChannels) {
        const length = batch * outChannels * plane;
        gpu.run(kernels.convDirect, groupsFor(length), { x, weight, bias, y }, { length, ...sizes }, {});
        return;
      }
      if (isPointwise(geometry) && bias === null) {
        const product = { m: outChannels, n: plane, k: inPerGroup, transposeA: false, transposeB: false };
        const steps = { extents: [batch], aStrides: [0], bStrides: [inPerGroup * plane] };
        products.batchedGemm(weight, x, y, product, steps);
        return;
      }
      const [m, n, k] = [outPerGroup, batch * plane, inPerGroup * sizes.kh * sizes.kw];
      const plan = planTile(m, n, groups);
      gpu.run(
        kernels.conv,
        tilesOf(m, n, plan) * groups,
        { x, weight, bias, y },
        { m, n, k, ...sizes },
        { ...plan, A_BY_COLUMNS: false, B_BY_COLUMNS: false },
      );
    },

    conv2dInputGradient(dy, weight, dx, geometry) {
      const { batch, inChannels, height, width, groups } = geometry;
      const sizes = sizesOf(geometry);
      const { inPerGroup, outPerGroup } = sizes;
      const plane = height * width;
      if (inPerGroup < fewChannels) {
        const length = batch * inChannels * plane;
        const numbers = { length, ...sizes };
        gpu.run(kernels.convInputGradientDirect, groupsFor(length), { dy, weight, dx }, numbers, {});
        return;
      }
      if (isPointwise(geometry)) {
        const product = { m: inChannels, n: plane, k: outPerGroup, transposeA: true, transposeB: false };
        const steps = { extents: [batch], aStrides: [0], bStrides: [outPerGroup * plane] };
        products.batchedGemm(weight, dy, dx, product, steps);
        return;
      }
      const [m, n, k] = [inPerGroup, batch * plane, outPerGroup * sizes.kh * sizes.kw];
      const plan = planTile(m, n, groups);
      gpu.run(
        kernels.convInputGradient,
        tilesOf(m, n, plan) * groups,
        { dy, weight, dx },
        { m, n, k, ...sizes },
        { ...plan, A_BY_COLUMNS: false, B_BY_COLUMNS: false },
      );
    },

    conv2dWeightGradient(dy, x, dweight, geometry) {
      const { batch, outHeight, outWidth, groups, outChannels } = geometry;
      const sizes = sizesOf(geometry);
      const { inPerGroup, outPerGroup } = sizes;
      const [m, n, k] = [outPerGroup, inPerGroup * sizes.kh * sizes.kw, batch * outHeight * outWidth];
      if (outPerGroup < fewChannels) {
        const numbers = { batch, ...sizes };
        const values = outChannels * n;
        gpu.run(kernels.convWeightGradientDirect, values, { dy, x, dweight }, numbers, { LX: 1, LY: 256 });
        return;
      }
      const plan = planTile(m, n, groups);
      const tiles = tilesOf(m, n, plan) * groups;
      const splits = splitsOf(k, tiles, piecePlaces);
      const numbers = { m, n, k, size: Math.ceil(k / splits), groupsOfChannels: groups, ...sizes };
      const constants = { ...plan, A_BY_COLUMNS: false, B_BY_COLUMNS: true };
      if (splits === 1) {
        gpu.run(kernels.convWeightGradient, tiles, { dy, x, dweight }, numbers, constants);
        return;
      }
      const length = groups * m * n;
      gpu.scratch(4 * splits * length, (pieces) => {
        gpu.run(kernels.convWeightGradient, tiles * splits, { dy, x, dweight: pieces }, numbers, constants);
        sumOfPieces(gpu, pieces, dweight, splits, length);
      });
    },
  };
}
