import type { Argument } from "../../../../graph/argument.js";
import { sizeOf } from "../../../../shape.js";
import { intOf, textOf } from "../../file/attributes.js";
import type { TensorValues } from "../../file/tensor-values.js";
import type { ImportStep } from "../import-step.js";
import type { Operator } from "../operators.js";

/** How values that meet in one place become one; none: the last stays. */
const reductions: Readonly<Record<string, string>> = { add: "add", mul: "mul", min: "minimum", max: "maximum" };

/** So many updates may meet in one place. */
const mostMeetings = 64;

/** Constant indices. */
function indicesOf(at: ImportStep): TensorValues {
  if (!at.graph.isConstant(at.node.input[1])) throw at.refuse("indices that are not constant");
  return at.values(1);
}

/** A place of an axis. @throws if it is none */
function within(at: ImportStep, index: number, size: number): number {
  const place = index < 0 ? index + size : index;
  if (Number.isInteger(place) && place >= 0 && place < size) return place;
  throw at.refuse(`index ${index} of an axis of ${size}`);
}

/**
 * x with updates at places of its values, all counted flat. Of updates that meet in one place, rounds take one each: a
 * round gathers from the updates, with x itself, or what changes nothing, behind them.
 *
 * @param places - where each update goes
 */
function scattered(at: ImportStep, shape: readonly number[], places: readonly number[]): Argument {
  const reduction = textOf(at.node, "reduction", "none");
  const combine = reductions[reduction];
  if (combine === undefined && reduction !== "none") throw at.refuse(`reduction ${reduction}`);
  const size = sizeOf(shape);
  at.graph.model.spend(places.length + size);
  let x: Argument = at.op("reshape", at.input(0), [size]);
  if (places.length === 0) return at.input(0);
  const updates = at.op("reshape", at.input(2), [places.length]);
  if (combine === undefined) {
    const from = Array.from({ length: size }, (_, place) => places.length + place);
    for (const [k, place] of places.entries()) from[place] = k;
    x = at.op("gather", at.op("concat", [updates, x], 0), from, 0);
    return at.op("reshape", x, [...shape]);
  }
  const rounds: number[][] = [];
  const met = new Map<number, number>();
  for (const [k, place] of places.entries()) {
    const round = met.get(place) ?? 0;
    met.set(place, round + 1);
    if (round === mostMeetings) throw at.refuse(`more than ${mostMeetings} updates of one place`);
    rounds[round] ??= new Array<number>(size).fill(-1);
    rounds[round][place] = k;
    at.graph.model.spend(size);
  }
  for (const from of rounds) {
    const chosen = from.map((k) => Math.max(k, 0));
    const isChosen = at.constant(
      [size],
      Float32Array.from(from, (k) => (k < 0 ? 0 : 1)),
    );
    const one = at.op("gather", updates, chosen, 0);
    x = at.op("where", isChosen, at.op(combine, x, one), x);
  }
  return at.op("reshape", x, [...shape]);
}

function importScatterElements(at: ImportStep): Argument {
  const shape = at.sizes(0);
  const { shape: taken, data } = indicesOf(at);
  const axis = at.axis("axis", 0, shape.length);
  if (taken.length !== shape.length)
    throw at.refuse(`indices with ${taken.length} axes for a value of ${shape.length}`);
  const steps = shape.map((_, k) => sizeOf(shape.slice(k + 1)));
  const places = [...data].map((index, i) => {
    let rest = i;
    let place = 0;
    for (let k = taken.length - 1; k >= 0; k--) {
      const at_ = rest % taken[k];
      rest = Math.floor(rest / taken[k]);
      place += (k === axis ? within(at, index, shape[k]) : within(at, at_, shape[k])) * steps[k];
    }
    return place;
  });
  return scattered(at, shape, places);
}

/** Indices of the first axes, and the sizes of the parts that they name. */
function partsOf(
  at: ImportStep,
  shape: readonly number[],
  batch: number,
): { places: number[]; inner: readonly number[] } {
  const { shape: taken, data } = indicesOf(at);
  const width = taken.at(-1) ?? 0;
  if (width < 1 || batch + width > shape.length)
    throw at.refuse(`indices of ${width} axes for a value of ${shape.length}`);
  const count = data.length / width;
  const each = count / sizeOf(taken.slice(0, batch));
  const places = Array.from({ length: count }, (_, i) => {
    let place = Math.floor(i / each);
    for (let k = 0; k < width; k++)
      place = place * shape[batch + k] + within(at, data[i * width + k], shape[batch + k]);
    return place;
  });
  return { places, inner: shape.slice(batch + width) };
}

function importScatterNd(at: ImportStep): Argument {
  const shape = at.sizes(0);
  const { places, inner } = partsOf(at, shape, 0);
  const width = sizeOf(inner);
  at.graph.model.spend(places.length * width);
  const each = places.flatMap((place) => Array.from({ length: width }, (_, k) => place * width + k));
  return scattered(at, shape, each);
}

function importGatherNd(at: ImportStep): Argument {
  const batch = intOf(at.node, "batch_dims", 0);
  const { shape: taken } = indicesOf(at);
  const first = batch + (taken.at(-1) ?? 0);
  const shape = at.sizes(
    0,
    Array.from({ length: first }, (_, k) => k),
  );
  if (taken.slice(0, batch).some((size, k) => size !== shape[k])) throw at.refuse(`batch_dims ${batch} of other sizes`);
  const { places } = partsOf(at, shape, batch);
  const inner = at.sizes(0).slice(first);
  const rows = at.op("reshape", at.input(0), [sizeOf(shape.slice(0, first)), ...inner]);
  return at.op("reshape", at.op("gather", rows, places, 0), [...taken.slice(0, -1), ...inner]);
}

/** What a constant condition leaves of an axis, or of all values. */
function importCompress(at: ImportStep): Argument {
  if (!at.graph.isConstant(at.node.input[1])) throw at.refuse("a condition that is not constant");
  const chosen = [...at.values(1).data].flatMap((is, k) => (is === 0 ? [] : [k]));
  if (at.node.attribute.some(({ name }) => name === "axis")) {
    return at.op("gather", at.input(0), chosen, at.axis("axis", 0, at.rank(0)));
  }
  return at.op("gather", at.op("reshape", at.input(0), [sizeOf(at.sizes(0))]), chosen, 0);
}

/** The first steps of each sequence in reverse, so many as constants say. */
function importReverseSequence(at: ImportStep): Argument {
  if (!at.graph.isConstant(at.node.input[1])) throw at.refuse("lengths that are not constant");
  const lengths = at.values(1).data;
  const rank = at.rank(0);
  const [batch, time] = [at.axis("batch_axis", 1, rank), at.axis("time_axis", 0, rank)];
  const steps = at.sizes(0, [time])[time];
  at.graph.model.spend(steps * lengths.length);
  const place = (step: number, length: number): number => (step < length ? length - 1 - step : step);
  const shape = Array.from({ length: rank }, (_, axis) =>
    axis === batch ? lengths.length : axis === time ? steps : 1,
  );
  const data = new Float32Array(steps * lengths.length);
  for (const [n, length] of lengths.entries()) {
    for (let step = 0; step < steps; step++) {
      data[batch < time ? n * steps + step : step * lengths.length + n] = place(step, length);
    }
  }
  return at.op("takeAlongAxis", at.input(0), at.constant(shape, data), time);
}

/** Operators that put values to constant places, or take them from there. */
export const scatterOperators: Readonly<Record<string, Operator>> = {
  GatherND: importGatherNd,
  Scatter: importScatterElements,
  ScatterElements: importScatterElements,
  ScatterND: importScatterNd,
  Compress: importCompress,
  ReverseSequence: importReverseSequence,
};
