import type { Draw } from "./draw.js";

/** A reader, and inputs for it that are made of valid ones. */
export interface FuzzTarget<Input = unknown> {
  /** What is read. */
  readonly name: string;
  /** An input; without `draw`, one that is valid. */
  readonly make: (draw: Draw | null) => Input;
  /** How many bytes it holds. */
  readonly sizeOf: (input: Input) => number;
  /** The share of cases that is tried, where each takes long. @defaultValue 1 */
  readonly share?: number;
  /** Reads it, as often and in as many ways as programs do. */
  readonly read: (input: Input) => unknown;
}

/** Hides the type of a target's inputs, which only the target itself knows. */
export function target<Input>(one: FuzzTarget<Input>): FuzzTarget {
  return one as FuzzTarget;
}
