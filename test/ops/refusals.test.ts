import {
  abs,
  argmax,
  broadcastTo,
  chunk,
  clamp,
  concat,
  cumSum,
  equal,
  flip,
  gather,
  glu,
  hardTanh,
  indexSelect,
  maximum,
  norm,
  oneHot,
  pad,
  pixelShuffle,
  relu,
  repeat,
  softmax,
  split,
  stack,
  takeAlongAxis,
  tensor,
  tile,
  topK,
  upsample,
  where,
  zeros,
} from "evenkeel";
import { expect, test } from "vitest";

/** What calls throw; a defect would be no error of the library. */
function messagesOf(calls: readonly (() => unknown)[]): string[] {
  return calls.map((call) => {
    try {
      call();
      return "nothing was thrown";
    } catch (error) {
      return String(error);
    }
  });
}

const x = zeros([2, 3]);
const images = zeros([1, 3, 4, 4]);
/** What callers without types pass. */
const array = [1, 2] as never;

test("arrays, and what is no tensor, are told what to do", () => {
  const calls = [
    ...[abs, relu, softmax, cumSum, flip, argmax, norm, glu, hardTanh].map((op) => () => op(array)),
    ...[() => concat(array), () => concat(3 as never), () => stack(array), () => x.matmul(array)],
    ...[() => maximum(x, array), () => equal(Float32Array.of(1) as never, x), () => where(array, x, x)],
    ...[() => clamp(x, array), () => clamp(x, 0, "1" as never), () => clamp(null as never, 0)],
    ...[() => gather(array, [0]), () => gather(x, "a" as never), () => gather(x, null as never)],
    ...[() => takeAlongAxis(array, [0]), () => pad(array, [[1, 1]]), () => split(array, 1), () => chunk(array, 1)],
    ...[() => tile(array, [1]), () => repeat(array, 1), () => broadcastTo(array, [2]), () => topK(array, 1)],
    ...[() => upsample(array, 2), () => pixelShuffle(array, 2)],
  ];
  expect(messagesOf(calls)).toMatchInlineSnapshot(`
    [
      "ArgumentError: abs(x): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: relu(x): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: softmax(x, axis): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: cumSum(x, axis): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: flip(x, axis): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: argmax(x, axis): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: norm(x, axis): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: glu(x, axis): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: hardTanh(x, low, high): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: concat(list, axis): expected a tensor, got 1. Make one with tensor(values, shape).",
      "ArgumentError: concat(list, axis): expected at least one tensor, got 3. Pass the tensors to join.",
      "ArgumentError: stack(list, axis): expected a tensor, got 1. Make one with tensor(values, shape).",
      "ArgumentError: Tensor(2×3).matmul(u): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: maximum(a, b): expected a tensor or a number, got an array. Wrap arrays with tensor().",
      "ArgumentError: equal(a, b): expected a tensor or a number, got an array. Wrap arrays with tensor().",
      "ArgumentError: where(condition, a, b): expected a tensor or a number, got an array. Wrap arrays with tensor().",
      "ArgumentError: clamp(x, low, high): expected a tensor or a number, got an array. Wrap arrays with tensor().",
      "ArgumentError: clamp(x, low, high): expected a tensor or a number, got string. Wrap arrays with tensor().",
      "ArgumentError: clamp(x, low, high): expected a tensor, got null. Make one with tensor(values, shape).",
      "ArgumentError: gather(x, indices, axis): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: gather(x, indices, axis): expected indices as whole numbers in an array or a tensor, got string. Pass such as [0, 2].",
      "ArgumentError: gather(x, indices, axis): expected indices as whole numbers in an array or a tensor, got null. Pass such as [0, 2].",
      "ArgumentError: takeAlongAxis(x, indices, axis): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: pad(x, widths): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: split(x, sizes, axis): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: chunk(x, count, axis): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: tile(x, counts): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: repeat(x, count, axis): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: broadcastTo(x, shape): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: topK(x, k): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: upsample(x, scale): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: pixelShuffle(x, factor): expected a tensor, got Array. Make one with tensor(values, shape).",
    ]
  `);
});

test("settings and shapes that do not fit are named", () => {
  const calls = [
    ...[() => clamp(x), () => clamp(x, null, null), () => hardTanh(x, 1, 1), () => hardTanh(x, 0, Infinity)],
    ...[() => glu(x), () => glu(x, 5), () => norm(x, 1, { p: 3 }), () => where(x, x, zeros([4]))],
    ...[() => x.min(2), () => zeros([2, 0]).min(1), () => argmax(zeros([0])), () => x.argmin(7)],
    ...[() => norm(zeros([0]), 0, { p: Infinity }), () => x.variance(3), () => x.prod(-3), () => cumSum(tensor(1))],
    ...[() => topK(x, 4), () => topK(x, 1.5), () => topK(x, 1, { axis: 2 })],
    ...[() => x.squeeze(1), () => x.unsqueeze(4), () => zeros([1, 1, 1, 1, 1]).unsqueeze(0), () => x.permute([0])],
    ...[() => x.permute(undefined as never), () => stack([]), () => stack([x, zeros([3, 2])])],
    ...[() => stack([zeros([1, 1, 1, 1, 1])])],
    ...[() => split(x, 0), () => split(x, [1, 2]), () => split(x, [-1, 3]), () => chunk(x, 0), () => split(x, 1, 2)],
    ...[() => broadcastTo(x, [3]), () => broadcastTo(x, [3, 3]), () => repeat(x, -1), () => repeat(tensor(1), 2)],
    ...[() => tile(x, [1.5]), () => tile(x, 2 as never), () => tile(x, [1, 1, 1, 1, 1, 1])],
    ...[() => pad(x, [[1, 1], [1, 1], [1, 1]]), () => pad(x, [[-1, 0]]), () => pad(x, 1 as never)], // biome-ignore format: pairs
    ...[() => pad(x, [[0, 3]], { mode: "reflect" }), () => pad(zeros([0]), [[0, 3]], { mode: "replicate" })],
    ...[() => pad(x, [[1, 1]], { mode: "wrap" as never }), () => pad(x, [[1, 1]], { value: "0" as never })],
    ...[() => gather(x, [2]), () => gather(x, [[0, -3]]), () => gather(x, 0.5), () => gather(zeros([0, 3]), [0])],
    ...[() => gather(x, [[[[0]]]], 0), () => gather(x, [[[[[0]]]]], 0), () => gather(x, [0], 2)],
    ...[() => indexSelect(x, [[0]]), () => indexSelect(x, 0), () => indexSelect(x, 1, [0] as never)],
    ...[() => takeAlongAxis(x, [0]), () => takeAlongAxis(x, [[0, 0], [0, 0], [0, 0]], 1)], // biome-ignore format: rows
    ...[() => oneHot([3], 3), () => oneHot([0], 0), () => oneHot([[[[[0]]]]], 2), () => oneHot([0], 2 ** 25)],
    ...[() => upsample(x, 2), () => upsample(images, 0), () => upsample(images, null), () => upsample(images, 0.1)],
    ...[() => upsample(images, 2, { size: 3 }), () => upsample(images, 2, { mode: "bicubic" as never })],
    ...[() => upsample(images, null, { size: 0 }), () => upsample(zeros([1, 1, 0, 2]), 2)],
    ...[() => pixelShuffle(images, 2), () => pixelShuffle(images, 0)],
  ];
  expect(messagesOf(calls)).toMatchInlineSnapshot(`
    [
      "ArgumentError: clamp(x, low, high): expected a limit or two, got none. Pass a number or a tensor, and null for a limit that there is not.",
      "ArgumentError: clamp(x, low, high): expected a limit or two, got none. Pass a number or a tensor, and null for a limit that there is not.",
      "ArgumentError: hardTanh(x, low, high): expected low below high, got 1 and 1. Swap them.",
      "ArgumentError: hardTanh(x, low, high): expected a finite number, got Infinity. Pass a number.",
      "ShapeError: glu(x, axis): expected an even size along axis 1, got 3 (shape 2×3). Give the layer before it twice as many outputs as the gate shall have.",
      "ArgumentError: glu(x, axis): expected an axis from -2 to 1, got 5. Name an axis that the tensor has.",
      "ArgumentError: norm(x, axis): expected p to be 1, 2 or Infinity, got 3. Compute others of abs(), pow() and sum().",
      "ShapeError: where(condition, a, b): expected shapes that broadcast (aligned at the last axis, sizes equal or 1), got 2×3 and 4. Reshape one of them.",
      "ArgumentError: Tensor(2×3).min(axis): expected an axis from -2 to 1, got 2. Name an axis that the tensor has.",
      "ShapeError: Tensor(2×0).min(axis): expected at least one value along axis 1, got none (shape 2×0). Reduce an axis that has values.",
      "ShapeError: argmax(x, axis): expected at least one value along axis 0, got none (shape 0). Pass at least one value.",
      "ArgumentError: argmin(x, axis): expected an axis from -2 to 1, got 7. Name an axis that the tensor has.",
      "ShapeError: norm(x, axis): expected at least one value along axis 0, got none (shape 0). Reduce an axis that has values.",
      "ArgumentError: Tensor(2×3).variance(axis): expected an axis from -2 to 1, got 3. Name an axis that the tensor has.",
      "ArgumentError: Tensor(2×3).prod(axis): expected an axis from -2 to 1, got -3. Name an axis that the tensor has.",
      "ArgumentError: cumSum(x, axis): expected no axis, since a scalar has none, got -1. Name an axis that the tensor has.",
      "ArgumentError: topK(x, k): expected a whole number k from 0 to 3, the size of axis 1, got 4. Ask for as many values as there are at most.",
      "ArgumentError: topK(x, k): expected a whole number k from 0 to 3, the size of axis 1, got 1.5. Ask for as many values as there are at most.",
      "ArgumentError: topK(x, k): expected an axis from -2 to 1, got 2. Name an axis that the tensor has.",
      "ShapeError: Tensor(2×3).squeeze(axis): expected axis 1 to have size 1, got 3 (shape 2×3). Reduce it, or use flatten() or reshape().",
      "ArgumentError: Tensor(2×3).unsqueeze(axis): expected an axis from -3 to 2, got 4. Name an axis that the tensor has.",
      "ShapeError: Tensor(1×1×1×1×1).unsqueeze(axis): expected an array of at most 5 sizes, each a whole number of at least 0, got [1, 1, 1, 1, 1, 1]. Correct the shape, an array such as [2, 3].",
      "ArgumentError: Tensor(2×3).transpose(order): expected each axis of 2×3 once, got [0]. List the axes 0 to 1 in their new order.",
      "ArgumentError: Tensor(2×3).permute(order): expected an array of axes, got undefined. List the axes 0 to 1 in their new order.",
      "ArgumentError: stack(list, axis): expected an array of at least one tensor, got none. Pass the tensors to join.",
      "ShapeError: stack(list, axis): expected tensors of one shape, 2×3 as the first, got 3×2. Use concat() to join along an axis that they have.",
      "ShapeError: Tensor(1×1×1×1×1).unsqueeze(axis): expected an array of at most 5 sizes, each a whole number of at least 0, got [1, 1, 1, 1, 1, 1]. Correct the shape, an array such as [2, 3].",
      "ArgumentError: split(x, sizes, axis): expected sizes to be a whole number of at least 1, got 0. Correct sizes.",
      "ShapeError: split(x, sizes, axis): expected sizes that add up to 2, the size of axis 0 of 2×3, got [1, 2], together 3. Correct sizes.",
      "ArgumentError: split(x, sizes, axis): expected sizes to be a whole number of at least 1, or an array of whole numbers, got [-1,3]. Correct sizes.",
      "ArgumentError: chunk(x, count, axis): expected count to be a whole number of at least 1, got 0. Correct count.",
      "ArgumentError: split(x, sizes, axis): expected an axis from -2 to 1, got 2. Name an axis that the tensor has.",
      "ShapeError: broadcastTo(x, shape): expected a shape that 2×3 broadcasts to (aligned at the last axis, sizes equal or 1), got 3. Reshape x, or correct the shape.",
      "ShapeError: broadcastTo(x, shape): expected a shape that 2×3 broadcasts to (aligned at the last axis, sizes equal or 1), got 3×3. Reshape x, or correct the shape.",
      "ArgumentError: repeat(x, count, axis): expected count to be a whole number of at least 0, got -1. Correct count.",
      "ArgumentError: repeat(x, count, axis): expected no axis, since a scalar has none, got 0. Name an axis that the tensor has.",
      "ArgumentError: tile(x, counts): expected an array of whole numbers of at least 0, got [1.5]. Pass one count for each axis.",
      "ArgumentError: tile(x, counts): expected an array of whole numbers of at least 0, got 2. Pass one count for each axis.",
      "ShapeError: tile(x, counts): expected an array of at most 5 sizes, each a whole number of at least 0, got [1, 1, 1, 1, 2, 3]. Correct the shape, an array such as [2, 3].",
      "ArgumentError: pad(x, widths): expected at most 2 pairs [before, after] of whole numbers of at least 0, got [[1,1],[1,1],[1,1]]. Pass a pair for each of the last axes, such as [[1, 1], [1, 1]] for images; slice() takes values away.",
      "ArgumentError: pad(x, widths): expected at most 2 pairs [before, after] of whole numbers of at least 0, got [[-1,0]]. Pass a pair for each of the last axes, such as [[1, 1], [1, 1]] for images; slice() takes values away.",
      "ArgumentError: pad(x, widths): expected at most 2 pairs [before, after] of whole numbers of at least 0, got 1. Pass a pair for each of the last axes, such as [[1, 1], [1, 1]] for images; slice() takes values away.",
      "ShapeError: pad(x, widths, { mode: "reflect" }): expected at least 4 values along axis 1, got 3 (shape 2×3). Pad by less, or with a constant.",
      "ShapeError: pad(x, widths, { mode: "replicate" }): expected at least 1 values along axis 0, got 0 (shape 0). Pad by less, or with a constant.",
      "ArgumentError: pad(x, widths): expected mode to be "constant", "reflect" or "replicate", got wrap. Choose one of them.",
      "ArgumentError: pad(x, widths): expected value to be a number, got 0. Pass a number.",
      "DataError: gather(x, indices, axis): expected whole numbers from -2 to 1, got 2 at [0]. Count places from 0, or from −1 at the end.",
      "DataError: gather(x, indices, axis): expected whole numbers from -2 to 1, got -3 at [0, 1]. Count places from 0, or from −1 at the end.",
      "DataError: gather(x, indices, axis): expected whole numbers from -2 to 1, got 0.5. Count places from 0, or from −1 at the end.",
      "DataError: gather(x, indices, axis): expected no indices, since the axis has no values, got 0 at [0]. Count places from 0, or from −1 at the end.",
      "nothing was thrown",
      "ShapeError: gather(x, indices, axis): expected at most 5 axes in the result, got 6 (1×1×1×1×1×3). Reshape the indices to fewer axes.",
      "ArgumentError: gather(x, indices, axis): expected an axis from -2 to 1, got 2. Name an axis that the tensor has.",
      "ShapeError: indexSelect(x, indices, axis): expected a list of indices, got indices of shape 1×1. Use gather(x, indices, axis), which takes any shape.",
      "ShapeError: indexSelect(x, indices, axis): expected a list of indices, got indices of shape scalar. Use gather(x, indices, axis), which takes any shape.",
      "ArgumentError: indexSelect(x, indices, axis): expected an axis from -2 to 1, got [0]. Pass the axis itself, such as 1 or -1.",
      "ShapeError: takeAlongAxis(x, indices, axis): expected indices with 2 axes, as x has, got 1. Reshape the indices: axes of size 1 are repeated.",
      "ShapeError: takeAlongAxis(x, indices, axis): expected shapes that broadcast (aligned at the last axis, sizes equal or 1), got 2×2 and 3×2. Reshape one of them.",
      "DataError: oneHot(indices, classes): expected whole numbers from -3 to 2, got 3 at [0]. Count places from 0, or from −1 at the end.",
      "ArgumentError: oneHot(indices, classes): expected a whole number of classes from 1 to 16777216, got 0. Pass how many classes there are.",
      "ShapeError: oneHot(indices, classes): expected indices of rank up to 4, got 1×1×1×1×1. Reshape them to fewer axes.",
      "ArgumentError: oneHot(indices, classes): expected a whole number of classes from 1 to 16777216, got 33554432. Pass how many classes there are.",
      "ShapeError: upsample(x, scale): expected images (N, C, H, W), got rank 2 (shape 2×3). Reshape to four axes.",
      "ArgumentError: upsample(x, scale): expected a scale above 0, or two of them, got 0. Pass a number such as 2, or [down, across].",
      "ArgumentError: upsample(x, scale): expected a scale, or { size }, got neither. Pass upsample(x, 2), or upsample(x, null, { size: [height, width] }).",
      "ShapeError: upsample(x, scale): expected planes with values, before and after, got 4 → 0 along axis 2 (shape 1×3×4×4). Use larger images or a larger scale.",
      "ArgumentError: upsample(x, scale): expected a scale, or { size }, got both. Pass upsample(x, 2), or upsample(x, null, { size: [height, width] }).",
      "ArgumentError: upsample(x, scale): expected mode to be "nearest" or "bilinear", got "bicubic". Choose one of them.",
      "ArgumentError: upsample(x, scale): expected size to be a whole number of at least 1, or two of them, got 0. Correct size.",
      "ShapeError: upsample(x, scale): expected planes with values, before and after, got 0 → 0 along axis 2 (shape 1×1×0×2). Use larger images or a larger scale.",
      "ShapeError: pixelShuffle(x, factor): expected a multiple of 4 channels, got 3 (shape 1×3×4×4). Give the convolution before it factor² outputs for each channel.",
      "ArgumentError: pixelShuffle(x, factor): expected factor to be a whole number of at least 1, got 0. Correct factor.",
    ]
  `);
});

test("axes that float32 cannot count are refused", () => {
  const long = zeros([2 ** 24 + 1]);
  const calls = [() => argmax(long), () => topK(long, 1), () => gather(long, [0])];
  expect(messagesOf(calls)).toMatchInlineSnapshot(`
    [
      "ShapeError: argmax(x, axis): expected an axis of at most 16777216 values, which float32 can count, got 16777217. Take parts of the axis.",
      "ShapeError: topK(x, k): expected an axis of at most 16777216 values, which float32 can count, got 16777217. Take parts of the axis.",
      "ShapeError: gather(x, indices, axis): expected an axis of at most 16777216 values, which float32 can count, got 16777217. Take parts of the axis.",
    ]
  `);
  long.dispose();
});
