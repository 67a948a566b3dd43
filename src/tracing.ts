import { scope } from "./scope.js";
import type { Tensor } from "./tensor.js";

/** The function of an op, whatever it takes. */
export type OpFunction = (...given: never[]) => Tensor;

/** What records a network while its `forward` runs: ops and layers report to it. */
export interface Tracer {
  /** An op that a user called; `run` computes it. What the op itself calls is not recorded. */
  op(name: string, run: OpFunction, given: readonly unknown[]): Tensor;
  /** A module that is applied; `run` applies it. */
  module(module: object, input: readonly unknown[], run: () => unknown): unknown;
  /** A part of the program that belongs to the module at a path, below the one that is at work. */
  within<T>(path: string, run: () => T): T;
  /** A part of the program for which no gradient is recorded. */
  withoutGradient<T>(run: () => T): T;
  /** Somebody asks for values: `how` is the member that was called. @throws TraceError if they depend on the inputs */
  read(t: Tensor, how: string): void;
  /** A function that no graph can hold. @throws TraceError */
  refuse(what: string, cure: string): void;
}

/** The tracer at work; null nearly always. Read it, and set it by {@link withTracer}. */
export let tracer: Tracer | null = null;

/** Runs `fn` with another tracer, or with none. */
export function withTracer<T>(instead: Tracer | null, fn: () => T): T {
  const before = tracer;
  tracer = instead;
  try {
    return fn();
  } finally {
    tracer = before;
  }
}

/**
 * Makes an op that a graph can hold out of the function that computes it. A trace records it as one node, with its
 * arguments as they were written, whatever it calls inside.
 *
 * @param name - its name in graphs and files
 */
export function defineOp<F extends OpFunction>(name: string, run: F): F {
  const op = (...given: never[]): Tensor => (tracer === null ? run(...given) : tracer.op(name, run, given));
  return op as F;
}

/** As {@link defineOp}, for an op made of others: what they make on the way is freed when it is done. */
export function defineComposite<F extends OpFunction>(name: string, run: F): F {
  const composite = (...given: never[]): Tensor => scope(() => run(...given));
  return defineOp(name, composite as F);
}
