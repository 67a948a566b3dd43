import { tensor } from "../../../create.js";
import type { Argument } from "../../../graph/argument.js";
import { AvgPool2d, MaxPool2d } from "../../../nn/pooling.js";
import { intOf, intsOf } from "../file/attributes.js";
import type { ImportStep } from "./import-step.js";
import { isEven, type Pads, padded, padsOf } from "./padding.js";
import { pair, perAxis } from "./window-attributes.js";

/** Windows of a pooling, with what stands around planes and, after that, beyond the last window that `ceil_mode` adds. */
interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly pads: Pads;
  readonly beyond: readonly number[];
}

/** A pooling whose windows see no padding: they repeat the first and last places of planes, which no maximum notices. */
export function importMaxPool(at: ImportStep): Argument {
  if (intOf(at.node, "storage_order", 0) !== 0) throw at.refuse("storage_order 1");
  const { kernel, stride, pads, beyond } = windowsOf(at);
  const isPlain = isEven(pads) && beyond.every((size) => size === 0);
  const padding = isPlain ? pads.before : [0, 0];
  const all = { before: pads.before, after: pads.after.map((size, axis) => size + beyond[axis]) };
  const layer = (): MaxPool2d => new MaxPool2d(pair(kernel), { stride: pair(stride), padding: pair(padding) });
  return at.layer(null, layer, isPlain ? at.input(0) : padded(at, at.input(0), all, { mode: "replicate" }));
}

/** The mean of windows; where they see padding, it is one of planes with zeros, times how many of their places count. */
export function importAveragePool(at: ImportStep): Argument {
  const { kernel, stride, pads, beyond } = windowsOf(at);
  const counts = intOf(at.node, "count_include_pad", 0) !== 0;
  const hasPads = [...pads.before, ...pads.after].some((size) => size > 0);
  const isWhole = beyond.every((size) => size === 0);
  const isPlain = isWhole && isEven(pads) && !(counts && hasPads);
  const padding = isPlain ? pads.before : [0, 0];
  const layer = (): AvgPool2d => new AvgPool2d(pair(kernel), { stride: pair(stride), padding: pair(padding) });
  if (isPlain) return at.layer(null, layer);
  const all = { before: pads.before, after: pads.after.map((size, axis) => size + beyond[axis]) };
  const means = (): Argument => at.layer(null, layer, padded(at, at.input(0), all));
  if (counts && isWhole) return means();
  const shares = kernel.map((size, axis) => {
    const extent = at.shape(0)?.[2 + axis];
    if (typeof extent !== "number") throw at.refuse("windows over edges of planes whose size is not known");
    const [from, to] = counts ? [-pads.before[axis], extent + pads.after[axis]] : [0, extent];
    const count = Math.floor((extent + all.before[axis] + all.after[axis] - size) / stride[axis]) + 1;
    return Array.from({ length: count }, (_, k) => {
      const start = k * stride[axis] - pads.before[axis];
      return size / (Math.min(start + size, to) - Math.max(start, from));
    });
  });
  const [rows, columns] = shares;
  const values = rows.flatMap((row) => columns.map((column) => row * column));
  return at.op("mul", means(), at.state.builder.constant(tensor(values, [1, 1, rows.length, columns.length])));
}

function windowsOf(at: ImportStep): Windows {
  const { node } = at;
  const kernel = intsOf(node, "kernel_shape") ?? [];
  if (kernel.length !== 2) throw at.refuse(`${kernel.length} spatial axes`);
  if (intsOf(node, "dilations")?.some((size) => size !== 1)) throw at.refuse("dilations");
  const stride = perAxis(node, "strides", kernel, 1);
  const from = at.shape(0);
  const pads = padsOf(node, kernel, stride, [1, 1], from);
  const { before, after } = pads;
  if (kernel.some((size, axis) => before[axis] >= size || after[axis] >= size)) {
    const shown = isEven(pads) ? before.join("×") : `${before.join("×")} and ${after.join("×")}`;
    throw at.refuse(`padding ${shown} of windows ${kernel.join("×")}, some of which hold no value`);
  }
  const isCeil = intOf(node, "ceil_mode", 0) !== 0;
  const beyond = kernel.map((size, axis) => {
    const [step, extent] = [stride[axis], from?.[2 + axis]];
    if (!isCeil) return 0;
    // As many as could be needed: what the last window does not reach changes nothing.
    if (typeof extent !== "number") return Math.min(step - 1, size - 1 - after[axis]);
    const whole = before[axis] + extent + after[axis];
    const last = Math.ceil((whole - size) / step) * step;
    // A window that would begin behind the plane is left out.
    const end = (last >= extent + before[axis] ? last - step : last) + size;
    return Math.max(0, end - whole);
  });
  return { kernel, stride, pads, beyond };
}
