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
 * @throws Refusal if both tell it
 */
export function padModeOf(node: NodeProto): string {
  const mode = textOf(node, "auto_pad", "NOTSET");
  if (mode === "NOTSET" || (intsOf(node, "pads") ?? []).every((pad) => pad === 0)) return mode;
  throw unsupported(node, `pads beside auto_pad ${mode}`);
}
