import type { AttributeProto, NodeProto } from "../file/codec.js";
import { packValues, type TensorValues } from "../file/tensor-values.js";
import type { OnnxGraph } from "./graph.js";

/** Nodes in the making that compute something beside or in place of a value; names of theirs begin with its name. */
export class NewNodes {
  readonly nodes: NodeProto[] = [];
  readonly #graph: OnnxGraph;
  readonly #base: string;

  constructor(graph: OnnxGraph, base: string) {
    this.#graph = graph;
    this.#base = base;
  }

  /** A name that is free. */
  name(part: string): string {
    return this.#graph.model.freshName(`${this.#base}_${part}`);
  }

  /** @returns the name of what the node makes */
  add(
    opType: string,
    input: readonly string[],
    attribute: readonly AttributeProto[] = [],
    output = this.name(opType),
  ): string {
    const { codec } = this.#graph.model;
    this.nodes.push(codec.node({ opType, input: [...input], output: [output], attribute: [...attribute] }));
    return output;
  }

  /** A whole number as an attribute. */
  int(name: string, value: number): AttributeProto {
    return this.#graph.model.codec.attribute({ name, type: 2, i: BigInt(value) });
  }

  constant(values: TensorValues): string {
    const packed = packValues(values);
    if (packed === null) throw new Error("internal: numbers that were read overflow");
    return this.#graph.addConstant(this.name("constant"), values, packed);
  }

  /** Whole numbers in a row. */
  ints(values: readonly number[]): string {
    return this.constant({ type: "int64", shape: [values.length], data: Float64Array.from(values) });
  }

  /** The means over some axes, which stay as sizes of 1; since version 18 the axes are an input. */
  average(input: string, axes: readonly number[]): string {
    const { codec, opset } = this.#graph.model;
    const kept = this.int("keepdims", 1);
    if (opset >= 18) return this.add("ReduceMean", [input, this.ints(axes)], [kept]);
    return this.add("ReduceMean", [input], [kept, codec.attribute({ name: "axes", type: 7, ints: axes.map(BigInt) })]);
  }
}
