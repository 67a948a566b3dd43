import { conv2d, onWarning, relu, SpatiallyAdaptiveNorm, tensor, zeros } from "evenkeel";
import { expect, test } from "vitest";
import { messageOf } from "../../support/message-of.js";
import { describeNorm, Grid, meanOf, varianceOf } from "../../support/norm-cases.js";

describeNorm(
  "SpatiallyAdaptiveNorm",
  {
    "a map of the same size": {
      make: () => new SpatiallyAdaptiveNorm(3, 2, { hidden: 4, eps: 0.01 }),
      shapes: [
        [8, 3, 3, 4],
        [8, 2, 3, 4],
      ],
      differentiates: false,
      tolerance: 3e-5,
    },
    "a larger map": {
      make: () => new SpatiallyAdaptiveNorm(2, 1, { hidden: 3, kernelSize: 1, momentum: 0.6, warmUp: false }),
      shapes: [
        [8, 2, 2, 3],
        [8, 1, 4, 6],
      ],
      // Away from the bends of the ReLU.
      parameter: (key, _, deviates) => deviates.map((v) => (key === "mlp_shared.0.bias" ? 6 * Math.sign(v) : v / 2)),
      tolerance: 3e-5,
    },
  },
  ({ param_free_norm: norm, mlp_shared, mlp_gamma, mlp_beta }, x, map) => {
    const grid = new Grid(x);
    const [height, width] = x.shape.slice(2);
    const [rows, columns] = map.shape.slice(2);
    // Nearest pixels: row i of x lies on row ⌊i · rows / height⌋ of the map.
    const source = map.dataSync();
    const planes = map.shape[0] * map.shape[1];
    const nearest = Array.from({ length: planes * height * width }, (_, k) => {
      const [plane, i, j] = [Math.floor(k / height / width), Math.floor(k / width) % height, k % width];
      return source[(plane * rows + Math.floor((i * rows) / height)) * columns + Math.floor((j * columns) / width)];
    });
    const resized = tensor(nearest, [map.shape[0], map.shape[1], height, width]);
    const [shared] = mlp_shared.children().map(([, child]) => child as typeof mlp_gamma);
    const apply = (t: typeof x, conv: typeof mlp_gamma): typeof x =>
      conv2d(t, conv.weight, conv.bias, { padding: (conv.weight.shape[2] - 1) / 2 });
    const features = relu(apply(resized, shared));
    const [gamma, beta] = [mlp_gamma, mlp_beta].map((conv) => new Grid(apply(features, conv)));
    const [mean, variance] = [norm.runningMean, norm.runningVar].map((t) => t?.dataSync());
    return grid.map((value, n, c, s) => {
      const channel = grid.where((_, k) => k === c);
      const [centre, spread] =
        norm.normalizeWith === "running"
          ? [mean?.[c] ?? 0, variance?.[c] ?? 0]
          : [meanOf(channel), varianceOf(channel)];
      return (1 + gamma.at(n, c, s)) * ((value - centre) / Math.sqrt(spread + norm.eps)) + beta.at(n, c, s);
    });
  },
);

test("refuses what does not fit", () => {
  onWarning(() => {});
  const norm = new SpatiallyAdaptiveNorm(3, 2, { hidden: 4 });
  const refused = [
    () => new SpatiallyAdaptiveNorm(0, 2),
    () => new SpatiallyAdaptiveNorm(3, 2, { hidden: 0 }),
    () => norm.forward(zeros([8, 3, 4, 4]), zeros([8, 3, 4, 4])),
    () => norm.forward(zeros([8, 3, 4]), zeros([8, 2, 4])),
    () => norm.forward(zeros([8, 2, 4, 4]), zeros([8, 2, 4, 4])),
  ];
  expect(refused.map(messageOf)).toMatchInlineSnapshot(`
    [
      "ArgumentError: new SpatiallyAdaptiveNorm(numFeatures, mapChannels): expected numFeatures to be a whole number of at least 1, got 0. Correct numFeatures.",
      "ArgumentError: new SpatiallyAdaptiveNorm(numFeatures, mapChannels): expected hidden to be a whole number of at least 1, got 0. Correct hidden.",
      "ShapeError: SpatiallyAdaptiveNorm(3, 2).forward(x, map): expected images (N, 3, H, W) and a map (N, 2, …) for each, got 8×3×4×4 and 8×3×4×4. Give the map four axes, and one channel for each class of pixels.",
      "ShapeError: SpatiallyAdaptiveNorm(3, 2).forward(x, map): expected images (N, 3, H, W) and a map (N, 2, …) for each, got 8×3×4 and 8×2×4. Give the map four axes, and one channel for each class of pixels.",
      "ShapeError: SpatiallyAdaptiveNorm(3, 2).forward(x): expected 3 channels in axis 1, got 2 (shape 8×2×4×4). Build the layer with 2 channels, or reshape x.",
    ]
  `);
});
