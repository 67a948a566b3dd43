import { test } from "vitest";
import type { ConvGeometry, PoolGeometry } from "../../../src/backend/backend.js";
import { describeWebgpu } from "../../support/gpu.js";
import { normalValues } from "../../support/seeded.js";

/** What of a convolution is not the default: 2 images of 7 × 6, 3 × 3 taps. */
interface Case {
  readonly channels: readonly [number, number];
  readonly kernel?: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly padding?: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly groups?: number;
  readonly batch?: number;
}

const cases: Record<string, Case> = {
  plain: { channels: [3, 5] },
  "many images, so that the weight gradient is cut": { channels: [4, 6], padding: [1, 1], batch: 70 },
  "strided and padded": { channels: [5, 4], stride: [2, 3], padding: [2, 1] },
  dilated: { channels: [4, 8], dilation: [2, 1], kernel: [2, 3] },
  grouped: { channels: [8, 12], groups: 2, padding: [1, 1] },
  depthwise: { channels: [6, 6], groups: 6, stride: [2, 2], padding: [1, 1] },
  "one by one": { channels: [7, 9], kernel: [1, 1] },
};

function geometryOf({ channels, ...given }: Case): ConvGeometry {
  const { kernel = [3, 3], stride = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1, batch = 2 } = given;
  const size = (axis: 0 | 1, length: number) =>
    Math.floor((length + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis]) + 1;
  return {
    ...{ batch, inChannels: channels[0], height: 7, width: 6, outChannels: channels[1] },
    ...{ outHeight: size(0, 7), outWidth: size(1, 6), kernel, stride, padding, dilation, groups },
  };
}

const pools: Record<string, PoolGeometry> = {
  halves: {
    ...{ planes: 3, height: 6, width: 8, outHeight: 3, outWidth: 4 },
    ...{ kernel: [2, 2], stride: [2, 2], padding: [0, 0] },
  },
  "overlapping, beyond the plane": {
    ...{ planes: 2, height: 7, width: 5, outHeight: 4, outWidth: 3 },
    ...{ kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  },
};

describeWebgpu("convolutions", (twins) => {
  test.each(Object.keys(cases))("%s", async (name) => {
    const g = geometryOf(cases[name]);
    const t = twins();
    const taps = (g.outChannels * g.inChannels * g.kernel[0] * g.kernel[1]) / g.groups;
    const [inputs, outputs] = [g.batch * g.inChannels * 42, g.batch * g.outChannels * g.outHeight * g.outWidth];
    const [x, weight, bias] = [
      t.of(normalValues(inputs, 1)),
      t.of(normalValues(taps, 2)),
      t.of(normalValues(g.outChannels, 3)),
    ];
    const dy = t.of(normalValues(outputs, 4));
    const [y, shifted, dx, dweight] = [t.output(outputs), t.output(outputs), t.output(inputs), t.output(taps)];
    t.call((backend, block) => {
      backend.conv2d(block(x), block(weight), null, block(y), g);
      backend.conv2d(block(x), block(weight), block(bias), block(shifted), g);
      backend.conv2dInputGradient(block(dy), block(weight), block(dx), g);
      backend.conv2dWeightGradient(block(dy), block(x), block(dweight), g);
    });
    for (const twin of [y, shifted, dx, dweight]) await t.expectClose(twin, 1e-6);
  });
});

describeWebgpu("pooling", (twins) => {
  test.each(Object.keys(pools))("%s", async (name) => {
    const g = pools[name];
    const t = twins();
    const [inputs, outputs] = [g.planes * g.height * g.width, g.planes * g.outHeight * g.outWidth];
    const values = normalValues(inputs, 1).map((v) => Math.round(v));
    values[9] = Number.NaN;
    values[40] = Number.NEGATIVE_INFINITY;
    const [x, dy] = [t.of(values), t.of(normalValues(outputs, 2))];
    const [largest, indices, dx] = [t.output(outputs), t.output(outputs), t.output(inputs)];
    const [mean, dMean] = [t.output(outputs), t.output(inputs)];
    t.call((backend, block) => {
      backend.maxPool2d(block(x), block(largest), block(indices), g);
      backend.maxPool2dGradient(block(dy), block(indices), block(dx), g);
      backend.avgPool2d(block(x), block(mean), g);
      backend.avgPool2dGradient(block(dy), block(dMean), g);
    });
    await t.expectEqual(largest);
    await t.expectEqual(indices);
    for (const twin of [dx, mean, dMean]) await t.expectClose(twin, 2e-7);
  });
});
