import { TraceError } from "../../errors.js";
import { sameShape } from "../../shape.js";
import { type Argument, ConstantRef, isPlainObject, SizeRef, StateRef, ValueRef } from "../argument.js";
import type { OpenShape } from "../node.js";
import type { RecordedConstant, RecordedStep } from "./recorder.js";

/** A size that differs between runs: an axis of the first input. */
export interface OpenAxis {
  readonly axis: number;
  /** Its size in the first run. */
  readonly size: number;
  /** By how much it is larger in the run of its own. */
  readonly step: number;
}

/** One run of a network: run 0 has the sizes of the example, run k + 1 a larger axis k. */
export interface RecordedRun {
  readonly steps: readonly RecordedStep[];
  readonly constants: readonly RecordedConstant[];
  readonly output: Argument;
}

/** A number as it was in each run: itself, a multiple of an open axis, or undefined if it is neither. */
function openNumber(values: readonly number[], axes: readonly OpenAxis[]): number | SizeRef | undefined {
  const [first, ...others] = values;
  const grown = others.flatMap((value, k) => (Object.is(value, first) ? [] : [k]));
  if (grown.length === 0) return first;
  if (grown.length > 1) return undefined;
  const { axis, size, step } = axes[grown[0]];
  const factor = first / size;
  return others[grown[0]] === factor * (size + step) ? new SizeRef(axis, factor) : undefined;
}

/** A shape as it was in each run; null for sizes of another kind. */
export function openShape(shapes: readonly (readonly number[] | null)[], axes: readonly OpenAxis[]): OpenShape | null {
  const [first] = shapes;
  if (first === null || shapes.some((shape) => shape?.length !== first.length)) return null;
  return first.map(
    (_, k) =>
      openNumber(
        shapes.map((shape) => shape?.[k] ?? 0),
        axes,
      ) ?? null,
  );
}

function sameReference(a: unknown, b: unknown): boolean {
  if (a instanceof ValueRef && b instanceof ValueRef) return a.value === b.value && a.path.join() === b.path.join();
  if (a instanceof StateRef && b instanceof StateRef) return a.key === b.key;
  return a instanceof ConstantRef && b instanceof ConstantRef && a.index === b.index;
}

/** Arguments as they were in each run, in one; `fail` is called where they do not fit together. */
export function mergeArguments(
  given: readonly unknown[],
  axes: readonly OpenAxis[],
  fail: (values: readonly unknown[]) => never,
): Argument {
  const [first, ...others] = given;
  if (typeof first === "number" && others.every((other) => typeof other === "number")) {
    return openNumber(given as readonly number[], axes) ?? fail(given);
  }
  if (Array.isArray(first)) {
    if (others.some((other) => !Array.isArray(other) || other.length !== first.length)) return fail(given);
    return first.map((_, k) =>
      mergeArguments(
        given.map((list) => (list as readonly unknown[])[k]),
        axes,
        fail,
      ),
    );
  }
  if (isPlainObject(first)) {
    const keys = Object.keys(first);
    const fits = others.every((other) => isPlainObject(other) && Object.keys(other).join() === keys.join());
    if (!fits) return fail(given);
    return Object.fromEntries(
      keys.map((key) => [
        key,
        mergeArguments(
          given.map((object) => (object as Readonly<Record<string, unknown>>)[key]),
          axes,
          fail,
        ),
      ]),
    );
  }
  if (others.every((other) => other === first || sameReference(first, other))) return first as Argument;
  return fail(given);
}

/** Whether two steps apply the same layer, or layers without state that `forward` makes alike. */
function sameLayer(a: RecordedStep["layer"] | undefined, b: RecordedStep["layer"] | undefined): boolean {
  if (a === b || !a || !b) return a === b;
  return a.ownState().length === 0 && a.constructor === b.constructor && String(a) === String(b);
}

/** Checks that runs took the same steps. @throws TraceError naming the first that differs */
export function checkSameSteps(where: string, a: RecordedRun, b: RecordedRun, difference: string, cure: string): void {
  const length = Math.max(a.steps.length, b.steps.length);
  for (let k = 0; k < length; k++) {
    const [one, other] = [a.steps[k], b.steps[k]];
    if (one?.name === other?.name && sameLayer(one?.layer, other?.layer) && one?.gradient === other?.gradient) continue;
    const nameOf = (step: RecordedStep | undefined): string =>
      step === undefined ? "nothing" : step.gradient ? step.name : `${step.name} inside noGrad`;
    throw new TraceError({
      where,
      expected: `the same steps ${difference}`,
      received: `${nameOf(one)} and ${nameOf(other)} as step ${k + 1}`,
      cure,
    });
  }
}

/**
 * Checks that the tensors that `forward` makes itself are the same.
 *
 * @throws TraceError naming what uses the first that differs
 */
export function checkSameConstants(where: string, a: RecordedRun, b: RecordedRun): void {
  for (const [k, constant] of a.constants.entries()) {
    const other = b.constants[k];
    const same =
      other !== undefined &&
      sameShape(constant.shape, other.shape) &&
      constant.values.every((value, i) => Object.is(value, other.values[i]));
    if (same) continue;
    throw new TraceError({
      where: constant.usedBy === "" ? where : constant.usedBy,
      expected: "tensors that ops compute, or that are equal in every run",
      received: "one made inside forward that differs from run to run",
      cure: "Make it with zeros(), ones() or full(), compute it by ops from the input, register it as a buffer, or hold a layer as a property instead of extending it.",
    });
  }
}
