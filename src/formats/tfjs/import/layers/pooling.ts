import type { Argument } from "../../../../graph/argument.js";
import type { Module } from "../../../../nn/module.js";
import {
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  GlobalAvgPool2d,
  GlobalMaxPool2d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
} from "../../../../nn/pooling.js";
import type { LayerStep } from "../layer-step.js";
import type { Value } from "../value.js";
import { perAxis } from "./convolutions.js";
import type { Row } from "./row.js";

const pools = { max: [MaxPool1d, MaxPool2d, MaxPool3d], mean: [AvgPool1d, AvgPool2d, AvgPool3d] } as const;

function pooling(kind: keyof typeof pools, axes: number): Row {
  return (at) => {
    at.checkRank(axes + 2);
    const kernel = at.sizes("pool_size", axes, 2);
    const stride = at.sizes("strides", axes, kernel);
    const padding = at.text("padding", "valid").toLowerCase();
    if (padding !== "valid" && padding !== "same") throw at.refuse(`padding ${padding}`);
    const options = { stride: perAxis(stride), padding: padding === "same" ? "same" : 0 };
    const make = (): Module => Reflect.construct(pools[kind][axes - 1], [perAxis(kernel), options]);
    return at.asPlanes(at.apply(make, at.planes()));
  };
}

/** The mean or the largest value of each channel. */
function globalPooling(kind: "max" | "mean", axes: number): Row {
  return (at) => {
    at.checkRank(axes + 2);
    const { x } = at;
    const keepDims = at.flag("keepdims", false);
    if (axes === 2 && !keepDims) {
      const make = (): Module => (kind === "mean" ? new GlobalAvgPool2d() : new GlobalMaxPool2d());
      return at.plain(at.apply(make, at.planes()), [x.shape[0], x.shape[at.isChannelsFirst ? 1 : 3]]);
    }
    // Signals as they lie: only the axis differs.
    const isFirst = at.isChannelsFirst || x.order === "first";
    const spatial = Array.from({ length: axes }, (_, k) => k + (isFirst ? 2 : 1));
    const y = at.op(kind, x.ref, spatial, { keepDims });
    return keepDims ? reduced(at, y) : at.plain(y);
  };
}

function reduced(at: LayerStep, ref: Argument): Value {
  const { x } = at;
  const channels = at.isChannelsFirst ? 1 : x.shape.length - 1;
  const shape = x.shape.map((size, axis) => (axis === 0 || axis === channels ? size : 1));
  return { ref, shape, order: x.order };
}

/** Pools. */
export const poolingRows: Readonly<Record<string, Row>> = {
  ...{ MaxPooling1D: pooling("max", 1), MaxPooling2D: pooling("max", 2), MaxPooling3D: pooling("max", 3) },
  ...{
    AveragePooling1D: pooling("mean", 1),
    AveragePooling2D: pooling("mean", 2),
    AveragePooling3D: pooling("mean", 3),
  },
  GlobalAveragePooling1D: globalPooling("mean", 1),
  GlobalAveragePooling2D: globalPooling("mean", 2),
  GlobalAveragePooling3D: globalPooling("mean", 3),
  GlobalMaxPooling1D: globalPooling("max", 1),
  GlobalMaxPooling2D: globalPooling("max", 2),
  GlobalMaxPooling3D: globalPooling("max", 3),
};
