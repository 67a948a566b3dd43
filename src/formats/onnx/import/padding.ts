import type { Argument } from "../../../graph/argument.js";
import type { OpenShape } from "../../../graph/node.js";
import { textOf } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import type { ImportStep } from "./import-step.js";
import { unsupported } from "./imported-layer.js";
import { perAxis } from "./window-attributes.js";

/** How many places stand before and behind each spatial axis. */
export interface Pads {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** The padding of a node with windows; where `auto_pad` leaves it to the sizes, they must be known. */
export function padsOf(
  node: NodeProto,
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
  from: OpenShape | null,
): Pads {
  const mode = textOf(node, "auto_pad", "NOTSET");
  const zeros = kernel.map(() => 0);
  if (mode === "VALID") return { before: zeros, after: zeros };
  if (mode === "NOTSET") {
    const pads = perAxis(node, "pads", kernel, 0, 2);
    return { before: pads.slice(0, kernel.length), after: pads.slice(kernel.length) };
  }
  if (mode !== "SAME_UPPER" && mode !== "SAME_LOWER") throw unsupported(node, `auto_pad ${mode}`);
  const totals = kernel.map((size, axis) => {
    const span = dilation[axis] * (size - 1);
    const extent = from?.[2 + axis];
    if (typeof extent === "number")
      return Math.max(0, (Math.ceil(extent / stride[axis]) - 1) * stride[axis] + span + 1 - extent);
    if (stride[axis] === 1) return span;
    throw unsupported(node, `auto_pad ${mode} with strides, for planes whose size is not known`);
  });
  const less = totals.map((total) => Math.floor(total / 2));
  const more = totals.map((total) => Math.ceil(total / 2));
  return mode === "SAME_UPPER" ? { before: less, after: more } : { before: more, after: less };
}

/** Whether both sides are padded alike, as layers here do it. */
export function isEven({ before, after }: Pads): boolean {
  return before.every((size, axis) => size === after[axis]);
}

/** Planes with values around them. */
export function padded(at: ImportStep, x: Argument, { before, after }: Pads, options: Argument = {}): Argument {
  const widths = before.map((width, axis) => [width, after[axis]]);
  return widths.flat().every((width) => width === 0) ? x : at.op("pad", x, widths, options);
}
