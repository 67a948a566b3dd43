import { formatShape, sameShape } from "../../../../shape.js";
import { intsOf, textOf } from "../../file/attributes.js";
import type { NodeProto } from "../../file/codec.js";
import { unsupported } from "../imported-layer.js";

/** A number for each axis of a kernel, or `each` of them, among a node's attributes. */
export function perAxis(node: NodeProto, name: string, kernel: readonly number[], absent: number, each = 1): number[] {
  const length = each * kernel.length;
  const numbers = intsOf(node, name) ?? new Array<number>(length).fill(absent);
  if (numbers.length === length) return numbers;
  throw unsupported(node, `${numbers.length} numbers in ${name} for ${kernel.length} spatial axes`);
}

/** A node may say again how large its weight's kernel is. */
export function checkKernel(node: NodeProto, kernel: readonly number[]): void {
  const said = perAxis(node, "kernel_shape", kernel, 0);
  if (intsOf(node, "kernel_shape") === null || sameShape(said, kernel)) return;
  throw unsupported(node, `kernel_shape ${formatShape(said)} for a kernel ${formatShape(kernel)}`);
}

/**
 * How the padding of a node with windows is told: by `pads` (NOTSET), or by a rule.
 *
 * @throws Unsupported if both tell it
 */
export function padModeOf(node: NodeProto): string {
  const mode = textOf(node, "auto_pad", "NOTSET");
  if (mode === "NOTSET" || (intsOf(node, "pads") ?? []).every((pad) => pad === 0)) return mode;
  throw unsupported(node, `pads beside auto_pad ${mode}`);
}

/** Padding that is the same on both sides, as layers here have it. */
export function paddingOf(
  node: NodeProto,
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): number[] {
  const mode = padModeOf(node);
  if (mode === "VALID") return kernel.map(() => 0);
  if (mode !== "NOTSET") {
    const spans = kernel.map((size, axis) => dilation[axis] * (size - 1));
    if (stride.every((step) => step === 1) && spans.every((span) => span % 2 === 0))
      return spans.map((span) => span / 2);
    throw unsupported(node, `auto_pad ${mode}, which pads the two sides differently`);
  }
  const pads = perAxis(node, "pads", kernel, 0, 2);
  const before = pads.slice(0, kernel.length);
  if (before.every((size, axis) => size === pads[kernel.length + axis])) return before;
  throw unsupported(node, `pads ${pads.join(", ")}, which differ between the two sides`);
}

export function pair([a, b]: readonly number[]): [number, number] {
  return [a, b];
}
