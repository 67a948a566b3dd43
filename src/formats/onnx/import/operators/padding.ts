import type { OpenShape } from "../../../../graph/node.js";
import type { PadWidths } from "../../../../ops/pad.js";
import type { AxisPadding } from "../../../../ops/window-padding.js";
import type { NodeProto } from "../../file/codec.js";
import { unsupported } from "../imported-layer.js";
import { padModeOf, perAxis } from "./window-attributes.js";

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
  const mode = padModeOf(node);
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

/** The padding of each axis as layers take it; where the sizes say it, they need not be known. */
export function axesPadding(
  node: NodeProto,
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
  from: OpenShape | null,
): AxisPadding[] {
  if (padModeOf(node) === "SAME_UPPER") return kernel.map(() => "same");
  const { before, after } = padsOf(node, kernel, stride, dilation, from);
  return before.map((size, axis): PadWidths => [size, after[axis]]);
}
