import type { Module } from "../../../../nn/module.js";
import { AvgPool2d, AvgPool3d, MaxPool2d, MaxPool3d } from "../../../../nn/pooling.js";
import { paddingOf, planeSizes, planesOf } from "./linear.js";
import type { GraphRow } from "./row.js";

const pools = { max: [MaxPool2d, MaxPool3d], mean: [AvgPool2d, AvgPool3d] } as const;

function pooling(kind: keyof typeof pools, axes: 2 | 3): GraphRow {
  return (at) => {
    const x = at.value();
    if (x.shape.length !== axes + 2) throw at.refuse(`an input of rank ${x.shape.length}`);
    const [kernel, stride] = [planeSizes(at, "ksize", axes), planeSizes(at, "strides", axes)];
    const options = { stride, padding: paddingOf(at, axes) };
    const { ref, wrap } = planesOf(at, x);
    const make = (): Module => Reflect.construct(pools[kind][axes - 2], [kernel, options]);
    return wrap(at.apply(make, ref));
  };
}

/** Pools of windows. */
export const poolingRows: Readonly<Record<string, GraphRow>> = {
  ...{ MaxPool: pooling("max", 2), MaxPool3D: pooling("max", 3) },
  ...{ AvgPool: pooling("mean", 2), AvgPool3D: pooling("mean", 3) },
};
