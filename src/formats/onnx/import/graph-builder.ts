import { type Argument, ConstantRef, StateRef, ValueRef } from "../../../graph/argument.js";
import { Branch } from "../../../graph/branch.js";
import { findOp, type NetworkNode, type OpenShape } from "../../../graph/node.js";
import type { GraphParts } from "../../../graph/parts.js";
import type { AnyModule } from "../../../nn/module.js";
import type { Tensor } from "../../../tensor.js";
import { printable } from "../../printable.js";
import type { NodeProto } from "../file/codec.js";
import { shapeAfterLayer, shapeAfterOp } from "./shapes/op-shapes.js";

/** What a node of a file says of its name: its own, or those of its outputs. */
export type NamedNode = Pick<NodeProto, "name" | "output">;

/** Collects the parts of a graph, with names from a file. */
export class GraphBuilder<Source extends NamedNode = NodeProto> {
  /** The node of the file behind each node of the graph. */
  readonly sources = new Map<NetworkNode, Source>();
  readonly #inputs: readonly (OpenShape | null)[];
  readonly #nodes: NetworkNode[] = [];
  readonly #constants: Tensor[] = [];
  readonly #branch = new Branch();
  readonly #paths = new Map<AnyModule, string>();
  readonly #state = new Map<string, Tensor>();
  readonly #used = new Map<string, number>();

  constructor(inputs: readonly (OpenShape | null)[]) {
    this.#inputs = inputs;
  }

  /** The shape of an argument; null where it is not known. */
  shapeOf(argument: Argument): OpenShape | null {
    if (argument instanceof ValueRef) {
      const { value } = argument;
      return this.#inputs[value] ?? this.#nodes[value - this.#inputs.length]?.shape ?? null;
    }
    if (argument instanceof StateRef) return this.#state.get(argument.key)?.shape ?? null;
    if (argument instanceof ConstantRef) return this.#constants[argument.index].shape;
    return [];
  }

  /** Says the shape of what a node gives, which no rule knew. */
  know({ value }: ValueRef, shape: OpenShape): void {
    const place = value - this.#inputs.length;
    const node = this.#nodes[place];
    if (node === undefined || node.shape !== null) return;
    const source = this.sources.get(node);
    this.#nodes[place] = { ...node, shape };
    if (source !== undefined) this.sources.set(this.#nodes[place], source);
  }

  /** A layer at work; one that was at work before stays one layer. */
  layer(source: Source, layer: AnyModule, x: Argument): ValueRef {
    const name = this.#unique(nameOf(source));
    const path = this.#paths.get(layer) ?? name;
    if (!this.#paths.has(layer)) {
      this.#paths.set(layer, path);
      this.#branch.place(path, layer);
    }
    return this.#push(source, { ...common(name, path, [x], shapeAfterLayer(layer, this.shapeOf(x))), layer });
  }

  /** An op at work, by its name in the table of ops. */
  op(source: Source, op: string, args: readonly Argument[]): ValueRef {
    const run = findOp(op);
    if (run === undefined) throw new Error(`internal: there is no op ${op}`);
    const shape = shapeAfterOp(op, args, (argument) => this.shapeOf(argument));
    return this.#push(source, { ...common(this.#unique(nameOf(source)), "", args, shape), op, run });
  }

  parameter(name: string, t: Tensor): StateRef {
    t.requiresGrad = true;
    const key = this.#unique(keyOf(name));
    this.#state.set(key, t);
    this.#branch.placeTensor(key, t);
    return new StateRef(key);
  }

  constant(t: Tensor): ConstantRef {
    return new ConstantRef(this.#constants.push(t) - 1);
  }

  parts(output: Argument): GraphParts {
    return {
      inputs: this.#inputs.map((shape) => ({ shape })),
      nodes: this.#nodes,
      output,
      constants: this.#constants,
      names: this.#branch,
      trains: true,
    };
  }

  #push(source: Source, node: NetworkNode): ValueRef {
    this.sources.set(node, source);
    return new ValueRef(this.#inputs.length + this.#nodes.push(node) - 1);
  }

  #unique(name: string): string {
    const count = (this.#used.get(name) ?? 0) + 1;
    this.#used.set(name, count);
    return count === 1 ? name : this.#unique(`${name}_${count}`);
  }
}

function common(name: string, path: string, args: readonly Argument[], shape: OpenShape | null) {
  return { name, path, args, gradient: true, shape };
}

/** What a node is called: its name, or its output's. */
function nameOf({ name, output }: NamedNode): string {
  return keyOf(name === "" ? (output[0] ?? "") : name);
}

/** A name as a key of a state dict, in which a dot would begin a sub-module. */
function keyOf(name: string): string {
  const key = printable(name)
    .replace(/^[/_]+/, "")
    .replaceAll(".", "_");
  return key === "" ? "node" : key;
}
