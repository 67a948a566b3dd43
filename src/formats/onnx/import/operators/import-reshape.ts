import type { Argument } from "../../../../graph/argument.js";
import type { OpenShape } from "../../../../graph/node.js";
import { Flatten } from "../../../../nn/flatten.js";
import { maxRank } from "../../../../shape.js";
import { intOf } from "../../file/attributes.js";
import { mostAxes } from "../../file/tensor-values.js";
import { targetOf } from "../import-sizes.js";
import type { ImportStep } from "../import-step.js";
import { areEqual, batchSize, countOf, isBatch, reshapeTo, type Size } from "../shapes/open-shapes.js";
import { mergedAxes } from "./merged-axes.js";

/** A Reshape to one row for each sample is a Flatten; others keep their sizes, with the batch open. */
export function importReshape(at: ImportStep): Argument {
  const { node, graph } = at;
  const from = at.shape(0);
  const sizes = targetOf(node, graph, at.shapes);
  if (sizes === null) throw at.refuse("a shape that is not constant");
  if (sizes.includes(0) && at.state.merged.has(node.input[0])) throw at.refuse(`more than ${maxRank} axes before it`);
  if (intOf(node, "allowzero", 0) !== 0 && sizes.includes(0)) throw at.refuse("a size of 0");
  if (sizes.length > mostAxes) throw at.refuse(`${sizes.length} axes`);
  const wanted = sizes.map((size, axis) => (size === 0 ? (from?.[axis] ?? null) : size));
  const keepsBatch = startsWithBatch(at, wanted, from) || (sizes[0] === 0 && (from === null || isBatch(from[0])));
  if (keepsBatch && wanted.length === 2 && isRow(wanted[1], from)) return at.layer(null, () => new Flatten());
  const open = keepsBatch ? [batchSize, ...wanted.slice(1)] : wanted;
  const to = reshapeTo(open.map((size) => (size === -1 ? null : size)));
  if (to === null) throw at.refuse(`the shape ${sizes.map((size) => size ?? "?").join("×")}`);
  // A size may be the number of samples that the file was exported with, in a place that does not tell.
  const isOpen = keepsBatch || sizes[0] === -1 || (from !== null && typeof countOf(from) === "number");
  if (!isOpen && sizes.includes(at.shapes.declaredBatch)) at.shapes.fixBatch();
  const merged = to.length > maxRank ? mergedAxes(at, to.length) : null;
  if (merged === null) return at.op("reshape", at.input(0), to);
  const product = (axes: readonly number[]): number =>
    axes.some((axis) => to[axis] === -1) ? -1 : axes.reduce((size, axis) => size * Number(to[axis]), 1);
  const moves = merged.map(({ shape, order }) => ({ shape: shape.map(product), order }));
  at.state.merged.set(node.output[0], moves);
  return at.op("reshape", at.input(0), moves[0].shape);
}

/** Whether the first size is the number of samples, also where the file has the number that it was exported with. */
function startsWithBatch(at: ImportStep, [first, ...others]: OpenShape, from: OpenShape | null): boolean {
  if (from !== null && !isBatch(from[0])) return false;
  if (isBatch(first)) return true;
  const sample = from === null ? null : countOf(from.slice(1));
  const isWhole = others.includes(-1) || from === null || areEqual(countOf(others), sample);
  if (first === -1) return from !== null && areEqual(countOf(others), sample);
  return first === at.shapes.declaredBatch && isWhole;
}

/** Whether a size is all that a sample has, which it is where nothing else is left. */
function isRow(size: Size, from: OpenShape | null): boolean {
  const sample = from === null ? null : countOf(from.slice(1));
  return size === -1 || sample === null || areEqual(size, sample);
}

/** A matrix of all axes before one, and of those from it on. */
export function importFlatten(at: ImportStep): Argument {
  const axis = intOf(at.node, "axis", 1);
  if (axis === 1) return at.layer(null, () => new Flatten());
  if (axis === 0) return at.op("reshape", at.input(0), [1, -1]);
  const rank = at.rank(0);
  const from = at.shape(0);
  const resolved = axis < 0 ? axis + rank : axis;
  if (resolved === 0) return at.op("reshape", at.input(0), [1, -1]);
  if (resolved < 0 || resolved > rank) throw at.refuse(`axis ${axis} of a value of rank ${rank}`);
  if (resolved === 1) return at.layer(null, () => new Flatten());
  const inner = from === null ? null : countOf(from.slice(resolved));
  if (typeof inner !== "number") throw at.refuse(`axis ${axis}, behind which sizes are not known`);
  return at.op("reshape", at.input(0), [-1, inner]);
}

/** Takes out axes of size 1. */
export function importSqueeze(at: ImportStep): Argument {
  const rank = at.rank(0);
  const from = at.shape(0) ?? new Array<Size>(rank).fill(null);
  const given = at.list("axes", 1);
  if (given === null && from.some((size) => typeof size !== "number"))
    throw at.refuse("axes of size 1 that are not named");
  const gone = given?.map((axis) => at.resolve(axis, rank)) ?? from.flatMap((size, axis) => (size === 1 ? [axis] : []));
  const wrong = gone.find((axis) => typeof from[axis] === "number" && from[axis] !== 1);
  if (wrong !== undefined) throw at.refuse(`axis ${wrong} of size ${from[wrong]}`);
  return reshaped(
    at,
    from.filter((_, axis) => !gone.includes(axis)),
  );
}

/** Puts in axes of size 1. */
export function importUnsqueeze(at: ImportStep): Argument {
  const axes = at.list("axes", 1) ?? [];
  const rank = at.rank(0) + axes.length;
  if (rank > mostAxes) throw at.refuse(`${rank} axes`);
  const left = [...(at.shape(0) ?? new Array<Size>(rank - axes.length).fill(null))];
  const added = axes.map((axis) => at.resolve(axis, rank));
  return reshaped(
    at,
    Array.from({ length: rank }, (_, axis) => (added.includes(axis) ? 1 : (left.shift() ?? null))),
  );
}

function reshaped(at: ImportStep, shape: OpenShape): Argument {
  const to = reshapeTo(shape);
  if (to === null) throw at.refuse("a value of which more than one size is not known");
  return at.op("reshape", at.input(0), to);
}

/**
 * What is along all axes from one on together, as Softmax was before version 13.
 *
 * @param alongAxis - what it is along the last axis alone
 */
export function alongMatrix(
  at: ImportStep,
  op: (x: Argument, axis: number) => Argument,
  alongAxis: (axis: number) => Argument = (axis) => op(at.input(0), axis),
): Argument {
  const rank = at.rank(0);
  const axis = at.axis("axis", 1, rank);
  if (axis === rank - 1 && axis > 0) return alongAxis(axis);
  const from = at.shape(0);
  const inner = from === null ? null : countOf(from.slice(axis));
  const back = from && reshapeTo(from);
  if (back === null || (axis > 0 && typeof inner !== "number")) {
    throw at.refuse("a sum over several axes, as before opset 13, of sizes that are not known");
  }
  const matrix = at.op("reshape", at.input(0), axis === 0 ? [1, -1] : [-1, inner]);
  return at.op("reshape", op(matrix, 1), back);
}
