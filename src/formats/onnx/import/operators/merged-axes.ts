import { maxRank } from "../../../../shape.js";
import { intsOf, isOp } from "../../file/attributes.js";
import type { ImportStep } from "../import-step.js";

/** Axes that stay side by side in a Transpose, as one. */
export interface MergedAxes {
  /** The axes of each, in the order of what is transposed. */
  readonly groups: readonly (readonly number[])[];
  /** How these are transposed. */
  readonly order: readonly number[];
}

/**
 * How a value of more axes than values have here can have fewer: where only a Transpose reads it, and only Reshapes
 * read that, axes that stay side by side are one, as in windows of planes: (N, H/w, w, W/w, w, C) with axes 2 and 3
 * changed is (N·H/w, w, W/w, w·C). Null where that is not so.
 */
export function mergedAxes(at: ImportStep, rank: number): MergedAxes | null {
  const [name] = at.node.output;
  const readers = at.graph.readersOf(name);
  if (at.graph.isOutput(name) || readers.length !== 1 || !isOp(readers[0], "Transpose")) return null;
  const [transpose] = readers;
  const [moved] = transpose.output;
  const isReshaped = at.graph.readersOf(moved).every((node) => isOp(node, "Reshape") && node.input[0] === moved);
  if (at.graph.isOutput(moved) || !isReshaped) return null;
  const perm = intsOf(transpose, "perm") ?? Array.from({ length: rank }, (_, k) => rank - 1 - k);
  if ([...perm].sort((a, b) => a - b).some((axis, k) => axis !== k) || perm.length !== rank) return null;
  const behind: number[][] = [];
  for (const axis of perm) {
    const last = behind.at(-1);
    if (last?.at(-1) === axis - 1) last?.push(axis);
    else behind.push([axis]);
  }
  const groups = [...behind].sort(([a], [b]) => a - b);
  if (groups.length > maxRank) return null;
  return { groups, order: behind.map((group) => groups.indexOf(group)) };
}
