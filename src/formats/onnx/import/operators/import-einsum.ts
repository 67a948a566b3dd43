import type { Argument } from "../../../../graph/argument.js";
import { maxRank } from "../../../../shape.js";
import { textOf } from "../../file/attributes.js";
import type { ImportStep } from "../import-step.js";
import { reshapeTo, type Size } from "../shapes/open-shapes.js";

/** A value, and the label of each of its axes. */
interface Labelled {
  readonly value: Argument;
  readonly labels: readonly string[];
}

/** So many inputs may there be. */
const mostInputs = 16;

/**
 * Sums of products of values whose axes have letters: diagonals, then sums, then a product of matrices for each further
 * input.
 */
export function importEinsum(at: ImportStep): Argument {
  const { terms, result } = parsed(at);
  let left: Labelled | null = null;
  for (const [k, labels] of terms.entries()) {
    const later = new Set([...terms.slice(k + 1).flat(), ...result]);
    const own = new Set([...later, ...(left?.labels ?? [])]);
    const right = summed(at, diagonal(at, { value: at.input(k), labels }), own);
    left = left === null ? summed(at, right, later) : product(at, left, right, later);
  }
  if (left === null) throw at.refuse("no inputs");
  const { value, labels } = left;
  if (labels.length !== result.length) throw at.refuse("a letter of the result that no input has");
  return at.transposed(
    value,
    result.map((label) => labels.indexOf(label)),
  );
}

/**
 * The labels of each input and of the result: letters, and numbers for what an ellipsis stands for, counted from its
 * end.
 */
function parsed(at: ImportStep): { terms: string[][]; result: string[] } {
  const equation = textOf(at.node, "equation", "").replaceAll(" ", "");
  const [inputs, given] = equation.split("->");
  const terms = inputs.split(",");
  if (terms.length !== at.node.input.length || terms.length > mostInputs) throw at.refuse(`equation ${equation}`);
  const labelled = (term: string, rank: number): string[] => {
    const match = /^([A-Za-z]*)(\.\.\.)?([A-Za-z]*)$/.exec(term);
    if (match === null) throw at.refuse(`equation ${equation}`);
    const [, before, ellipsis, after] = match;
    const hidden = ellipsis === undefined ? 0 : rank - before.length - after.length;
    if (hidden < 0 || hidden > maxRank) throw at.refuse(`equation ${equation}`);
    return [...before, ...Array.from({ length: hidden }, (_, k) => String(hidden - k)), ...after];
  };
  const all = terms.map((term, k) => {
    const labels = labelled(term, at.rank(k));
    if (labels.length !== at.rank(k)) throw at.refuse(`equation ${equation} for an input of rank ${at.rank(k)}`);
    return labels;
  });
  const flat = all.flat();
  const widest = Math.max(0, ...flat.map((label) => Number(label) || 0));
  const hidden = Array.from({ length: widest }, (_, k) => String(widest - k));
  if (given === undefined) {
    const once = [...new Set(flat)].filter(
      (label) => !hidden.includes(label) && flat.indexOf(label) === flat.lastIndexOf(label),
    );
    return { terms: all, result: [...hidden, ...once.sort()] };
  }
  const result = labelled(given, widest + given.replace("...", "").length);
  if (new Set(result).size < result.length) throw at.refuse(`equation ${equation}`);
  return { terms: all, result };
}

/** A letter that an input has twice: the values where both axes are at the same place. */
function diagonal(at: ImportStep, { value, labels }: Labelled): Labelled {
  const again = labels.findIndex((label, k) => labels.indexOf(label) < k);
  if (again < 0) return { value, labels };
  const first = labels.indexOf(labels[again]);
  const others = labels.flatMap((_, k) => (k === first || k === again ? [] : [k]));
  const turned = at.transposed(value, [...others, first, again]);
  const shape = at.state.builder.shapeOf(turned);
  const [rows, columns] = shape?.slice(-2) ?? [];
  if (shape === null || typeof rows !== "number" || rows !== columns) throw at.refuse(`a diagonal of unknown size`);
  const to = reshapeTo([...shape.slice(0, -2), rows * rows]);
  if (to === null) throw at.refuse("a diagonal of a value of unknown size");
  const places = Array.from({ length: rows }, (_, k) => k * (rows + 1));
  const taken = at.op("gather", at.op("reshape", turned, to), places, others.length);
  return diagonal(at, { value: taken, labels: [...others.map((k) => labels[k]), labels[first]] });
}

/** Sums over axes that nothing else has. */
function summed(at: ImportStep, { value, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
  const gone = labels.flatMap((label, k) => (needed.has(label) ? [] : [k]));
  if (gone.length === 0) return { value, labels };
  return { value: at.op("sum", value, gone, { keepDims: false }), labels: labels.filter((label) => needed.has(label)) };
}

/** The product of two values, summed over the letters that both have and nothing needs any more. */
function product(at: ImportStep, a: Labelled, b: Labelled, later: ReadonlySet<string>): Labelled {
  const common = a.labels.filter((label) => b.labels.includes(label));
  const inner = common.filter((label) => !later.has(label));
  const batch = common.filter((label) => later.has(label));
  const [rows, columns] = [a, b].map(({ labels }) => labels.filter((label) => !common.includes(label)));
  const left = matrices(at, a, batch, rows, inner);
  const right = matrices(at, b, batch, inner, columns);
  const y = at.op("matmul", left, right);
  const labels = [...batch, ...rows, ...columns];
  if (rows.length === 1 && columns.length === 1) return { value: y, labels };
  const sizes = labels.map((label): Size => {
    const { value, labels: own } = a.labels.includes(label) ? a : b;
    return at.state.builder.shapeOf(value)?.[own.indexOf(label)] ?? null;
  });
  const to = reshapeTo(sizes);
  if (to === null) throw at.refuse("sizes that are not known");
  return { value: at.op("reshape", y, to), labels };
}

/** A value as matrices: some axes are one batch axis each, others together the rows, others the columns. */
function matrices(
  at: ImportStep,
  { value, labels }: Labelled,
  batch: readonly string[],
  rows: readonly string[],
  columns: readonly string[],
): Argument {
  const turned = at.transposed(
    value,
    [...batch, ...rows, ...columns].map((label) => labels.indexOf(label)),
  );
  if (rows.length === 1 && columns.length === 1) return turned;
  const shape = at.state.builder.shapeOf(turned);
  const sizeOf = (from: number, count: number): Size => {
    const sizes = shape?.slice(from, from + count) ?? [null];
    if (sizes.length === 1) return sizes[0];
    return sizes.reduce<number | null>(
      (all, size) => (typeof size === "number" && all !== null ? all * size : null),
      1,
    );
  };
  const first = batch.length;
  const sizes = [
    ...Array.from({ length: first }, (_, k) => sizeOf(k, 1)),
    sizeOf(first, rows.length),
    sizeOf(first + rows.length, columns.length),
  ];
  const to = reshapeTo(sizes);
  if (to === null) throw at.refuse("sizes that are not known");
  return at.op("reshape", turned, to);
}
