import type { Argument } from "../../../../graph/argument.js";
import type { Size } from "../../../onnx/import/shapes/open-shapes.js";
import { printable } from "../../../printable.js";
import type { Node } from "../../model/graph-norms.js";
import { isObject } from "../../model/json.js";
import { type Numbers, rearranged } from "../rearranged.js";
import { type ImportState, Step } from "../step.js";
import { type AxisOrder, toFirst, type Value } from "../value.js";

/** Sizes that nodes work out of shapes: a list, or one alone. */
export interface ComputedSizes {
  readonly sizes: readonly Size[];
  readonly isOne: boolean;
}

/** What a node gives: a value, numbers of the file, or sizes. */
export type Made = Value | Numbers | ComputedSizes;

export function isValue(made: Made): made is Value {
  return "ref" in made;
}

export function isNumbers(made: Made): made is Numbers {
  return "data" in made;
}

/** A node that is being imported: what its operator's row reads and adds. */
export class GraphStep extends Step {
  readonly node: Node;
  readonly inputs: readonly Made[];

  constructor(state: ImportState, node: Node, inputs: readonly Made[]) {
    super(state, node, printable(node.name), `${printable(node.op)} ${printable(node.name)}`);
    this.node = node;
    this.inputs = inputs;
  }

  /** The same node with other inputs, as an operator that it has taken in. */
  with(inputs: readonly Made[]): GraphStep {
    return new GraphStep(this.state, this.node, inputs);
  }

  /** An input that is a value. */
  value(k = 0): Value {
    const made = this.inputs[k];
    if (made !== undefined && isValue(made)) return made;
    throw this.refuse(made === undefined ? `no input ${k}` : `input ${k} that is constant`);
  }

  /** An input that is constant. */
  numbers(k: number): Numbers {
    const made = this.inputs[k];
    if (made !== undefined && isNumbers(made)) return made;
    throw this.refuse(made === undefined ? `no input ${k}` : `input ${k} that is not constant`);
  }

  /** Whole numbers of an input that is constant. */
  list(k: number): number[] {
    return [...this.numbers(k).data];
  }

  /** Sizes of an input, known or of values. */
  sizesOf(k: number): ComputedSizes {
    const made = this.inputs[k];
    if (made === undefined || isValue(made)) throw this.refuse(`input ${k} that is not constant`);
    return isNumbers(made) ? { sizes: [...made.data], isOne: made.shape.length === 0 } : made;
  }

  /** Axes of an input, counted from 0. @throws Refusal if it has fewer axes */
  resolve(axis: number, rank: number): number {
    const resolved = axis < 0 ? axis + rank : axis;
    if (Number.isInteger(resolved) && resolved >= 0 && resolved < rank) return resolved;
    throw this.refuse(`axis ${axis} of a value of rank ${rank}`);
  }

  /** Numbers beside a value of an order: one number where it is one. */
  operand(numbers: Numbers, rank: number, order: AxisOrder, role: string): Argument {
    const { data, shape } = numbers;
    if (data.length === 1) return data[0];
    if (typeof order !== "string") throw new Error("internal: operands lie as in the file or channels first");
    if (shape.length > rank) throw this.refuse(`a constant of rank ${shape.length} beside a value of rank ${rank}`);
    if (order === "keras") return this.parameter(role, numbers);
    const whole = [...new Array<number>(rank - shape.length).fill(1), ...shape];
    const here = rearranged({ shape: whole, data }, toFirst(rank));
    // Leading axes of size 1 say nothing.
    const start = here.shape.findIndex((size) => size !== 1);
    return this.parameter(role, { shape: here.shape.slice(Math.max(0, start)), data: here.data });
  }

  /** An attribute that is a number. */
  float(name: string, absent: number): number {
    const value = this.#attribute(name, "f");
    return typeof value === "number" ? Number(value.toPrecision(7)) : absent;
  }

  int(name: string, absent: number): number {
    const value = this.#attribute(name, "i");
    const number = typeof value === "string" || typeof value === "number" ? Number(value) : absent;
    if (Number.isSafeInteger(number)) return number;
    throw this.refuse(`${name} ${printable(value)}`);
  }

  flag(name: string): boolean {
    return this.#attribute(name, "b") === true;
  }

  text(name: string, absent: string): string {
    const value = this.#attribute(name, "s");
    if (value === undefined) return absent;
    try {
      if (typeof value === "string") return atob(value);
    } catch {}
    throw this.refuse(`${name} ${printable(value)}`);
  }

  ints(name: string): number[] | null {
    const list = this.#attribute(name, "list");
    const values = isObject(list) ? list["i"] : undefined;
    if (!Array.isArray(values)) return null;
    const numbers = values.map(Number);
    if (numbers.every((one) => Number.isSafeInteger(one))) return numbers;
    throw this.refuse(`${name} ${printable(values)}`);
  }

  type(name: string): string {
    const value = this.#attribute(name, "type");
    return typeof value === "string" ? value : String(value ?? "");
  }

  #attribute(name: string, kind: string): unknown {
    const value = this.node.attributes[name];
    return isObject(value) ? value[kind] : undefined;
  }
}
