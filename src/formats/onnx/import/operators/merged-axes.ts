import { maxRank } from "../../../../shape.js";
import { intsOf, isOp } from "../../file/attributes.js";
import type { ImportStep } from "../import-step.js";

/** A value in a shape, and how it is transposed then. */
export interface Move<Size = number> {
  readonly shape: readonly Size[];
  readonly order: readonly number[];
}

/** Axes that are one in a shape. */
type Group = readonly number[];

/**
 * How a value of more axes than values have here can have fewer: where only a Transpose reads it, and only Reshapes
 * read that, axes that stay side by side are one, as in windows of planes: (N, H/w, w, W/w, w, C) with axes 2 and 3
 * changed is (N·H/w, w, W/w, w·C). Where too many are left, rows of them change places one after another. Null where
 * that is not so.
 */
export function mergedAxes(at: ImportStep, rank: number): readonly Move<Group>[] | null {
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
  if (groups.length > maxRank) return exchanges(perm);
  return [{ shape: groups, order: behind.map((group) => groups.indexOf(group)) }];
}

/** A permutation as rows of axes that change places, and the batch, or whatever is first, apart at last. */
function exchanges(perm: readonly number[]): Move<Group>[] {
  const moves: Move<Group>[] = [];
  let now = perm.map((_, axis) => axis);
  for (let start = 0; start < perm.length; start++) {
    if (now[start] === perm[start]) continue;
    const from = now.indexOf(perm[start]);
    let end = from + 1;
    while (end < now.length && now[end] === perm[start + end - from]) end++;
    const [before, first, second, after] = [
      now.slice(0, start),
      now.slice(start, from),
      now.slice(from, end),
      now.slice(end),
    ];
    moves.push({ shape: [before, first, second, after], order: [0, 2, 1, 3] });
    now = [...before, ...second, ...first, ...after];
  }
  return [...moves, { shape: [perm.slice(0, 1), perm.slice(1)], order: [0, 1] }];
}
