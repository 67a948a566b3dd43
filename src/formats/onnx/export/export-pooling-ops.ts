import { ArgumentError } from "../../../errors.js";
import type { AvgPoolOptions } from "../../../ops/pool.js";
import { poolingAttributes } from "./attributes.js";
import type { OnnxShape, OnnxValue } from "./onnx-writer.js";
import type { Op } from "./op-rows.js";

type Given = [x: OnnxValue, kernel: unknown, options: AvgPoolOptions<unknown, unknown> | undefined];

const maxPool: Op = ({ args, shape }, graph) => {
  const [x, kernel, options = {}] = args as Given;
  return graph.node("MaxPool", [x], poolingAttributes(kernel, options, x.shape), { shape: shape ?? x.shape });
};

const avgPool: Op = ({ args, shape }, graph) => {
  const [x, kernel, options = {}] = args as Given;
  const output = { shape: shape ?? x.shape };
  const counts = options.countIncludePad === true;
  const attributes = poolingAttributes(kernel, options, x.shape);
  const { pads } = poolingAttributes(kernel, { ...options, ceilMode: false }, x.shape);
  if (!counts || options.ceilMode !== true || !Array.isArray(pads) || !Array.isArray(attributes.pads)) {
    return graph.node("AveragePool", [x], { ...attributes, count_include_pad: counts ? 1 : 0 }, output);
  }
  // What lies beyond the padding does not count.
  const axes = pads.length / 2;
  const around = [0, 0, ...pads.slice(0, axes), 0, 0, ...pads.slice(axes)];
  const framed = x.shape.map((size, k) =>
    k < 2 || typeof size !== "number" ? size : size + pads[k - 2] + pads[axes + k - 2],
  );
  const widths = graph.constant("pads", [around.length], around, "int64");
  const padded = graph.node("Pad", [x, widths], { mode: "constant" }, { shape: framed });
  const beyond = attributes.pads.map((width, k) => width - pads[k]);
  return graph.node("AveragePool", [padded], { ...attributes, pads: beyond, count_include_pad: 0 }, output);
};

/** Windows of one size, side by side, as ONNX has them. */
const adaptiveAvgPool: Op = ({ args, shape }, graph) => {
  const [x, wanted] = args as [OnnxValue, number | readonly number[]];
  const sizes = x.shape.slice(2);
  const counts = sizes.map((_, k) => (typeof wanted === "number" ? wanted : wanted[k]));
  const output = { shape: shape ?? [...x.shape.slice(0, 2), ...counts] };
  if (counts.every((count) => count === 1)) return graph.node("GlobalAveragePool", [x], {}, output);
  const kernel = sizes.map((size, k) => Number(size) / counts[k]);
  if (kernel.every(Number.isInteger)) {
    return graph.node("AveragePool", [x], poolingAttributes(kernel, {}, x.shape), output);
  }
  throw new ArgumentError({
    where: "exportOnnx(model)",
    expected: "adaptive pooling whose output divides the planes, whose size is known",
    received: `${sizes.join("×")} to ${counts.join("×")}`,
    cure: "Choose a divisor of each size, or 1.",
  });
};

/** One value of each plane: (N, C). */
function globalPool(opType: string): Op {
  return ({ args }, graph) => {
    const x = args[0] as OnnxValue;
    const shape: OnnxShape = x.shape.slice(0, 2);
    const planes = graph.node(opType, [x], {}, { shape: [...shape, 1, 1] });
    return graph.node("Flatten", [planes], { axis: 1 }, { shape });
  };
}

/** What pooling is in ONNX. */
export const poolingOps: Readonly<Record<string, Op>> = {
  ...{ maxPool1d: maxPool, maxPool2d: maxPool, maxPool3d: maxPool },
  ...{ avgPool1d: avgPool, avgPool2d: avgPool, avgPool3d: avgPool },
  ...{ adaptiveAvgPool1d: adaptiveAvgPool, adaptiveAvgPool2d: adaptiveAvgPool, adaptiveAvgPool3d: adaptiveAvgPool },
  globalAvgPool2d: globalPool("GlobalAveragePool"),
  globalMaxPool2d: globalPool("GlobalMaxPool"),
};
