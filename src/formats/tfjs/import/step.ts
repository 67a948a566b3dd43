import { tensor } from "../../../create.js";
import { type Argument, type ConstantRef, type StateRef, ValueRef } from "../../../graph/argument.js";
import type { OpenShape } from "../../../graph/node.js";
import { withoutInitialValues } from "../../../nn/init.js";
import type { Module } from "../../../nn/module.js";
import { type FileBudget, work } from "../../file-budget.js";
import { attempted, Refusal } from "../../foreign/import-faults.js";
import type { GraphBuilder, NamedNode } from "../../onnx/import/graph-builder.js";
import { batchSize, reshapeTo } from "../../onnx/import/shapes/open-shapes.js";
import type { Numbers } from "./rearranged.js";
import { channelsFirst, toFirst, toLast, type Value } from "./value.js";

/** What is known while a network is imported. */
export interface ImportState {
  readonly builder: GraphBuilder<NamedNode>;
  readonly budget: FileBudget;
  /** Modules with parameters by their layer and role: layers that are called again stay one. */
  readonly modules: Map<object, Map<string, Module>>;
  /** Values in another order than that in which they were made. */
  readonly turned: Map<Value, Argument>;
}

/** A step of an import: what rows of layers and of operators have in common. */
export class Step {
  readonly state: ImportState;
  /** What stands before the names of nodes. */
  readonly name: string;
  /** What messages call the layer or node. */
  readonly title: string;
  /** What has the modules of this step: it may be called again. */
  readonly #owner: object;

  constructor(state: ImportState, owner: object, name: string, title: string) {
    this.state = state;
    this.#owner = owner;
    this.name = name;
    this.title = title;
  }

  refuse(received: string): Refusal {
    return new Refusal(this.title, received);
  }

  /** What an op or layer makes of a value in its order. */
  like(x: Value, ref: Argument): Value {
    this.shapeOf(ref, x.order === "first" ? channelsFirst(x.shape) : x.shape);
    return { ref, shape: x.shape, order: x.order };
  }

  /** A value that lies as in the file. @param shape - its sizes, where no rule knows them */
  plain(ref: Argument, shape?: OpenShape): Value {
    return { ref, shape: this.shapeOf(ref, shape), order: "keras" };
  }

  /** A value with its last axis behind the batch. */
  first(x: Value): Argument {
    const rank = x.shape.length;
    if (x.order === "first" || rank < 3) return x.order === "first" ? x.ref : this.keras(x);
    return this.#turned(x, () => {
      const to = channelsFirst(x.shape);
      return this.#isMove(x.shape) ? this.reshape(x.ref, to) : this.op("transpose", x.ref, toFirst(rank));
    });
  }

  /** A value as it lies in the file. */
  keras(x: Value): Argument {
    const { order } = x;
    if (order === "keras") return x.ref;
    return this.#turned(x, () => {
      if (order === "first") {
        if (this.#isMove(x.shape)) return this.reshape(x.ref, x.shape);
        return this.op("transpose", x.ref, toLast(x.shape.length));
      }
      const features = x.shape[1];
      const positions = typeof features === "number" ? features / order.channels : -1;
      const planes = this.op("reshape", x.ref, [batchSize, order.channels, positions]);
      return this.op("reshape", this.op("transpose", planes, [0, 2, 1]), [
        batchSize,
        typeof features === "number" ? features : -1,
      ]);
    });
  }

  /** Whether only one axis besides the batch has more than one value, so that nothing moves in memory. */
  #isMove(shape: OpenShape): boolean {
    const spatial = shape.slice(1, -1);
    return typeof shape[shape.length - 1] === "number" && spatial.every((size) => size === 1);
  }

  #turned(x: Value, make: () => Argument): Argument {
    const known = this.state.turned.get(x);
    if (known !== undefined) return known;
    const made = make();
    this.state.turned.set(x, made);
    return made;
  }

  /** A value with other sizes. @throws Refusal if more than one of them is not known */
  reshape(ref: Argument, shape: OpenShape): Argument {
    const sizes = reshapeTo(shape);
    if (sizes === null) throw this.refuse("a shape of several unknown sizes");
    return this.op("reshape", ref, sizes);
  }

  /** The shape of what an argument stands for. @param otherwise - what it is where no rule knows it */
  shapeOf(ref: Argument, otherwise?: OpenShape): OpenShape {
    const { builder } = this.state;
    if (otherwise !== undefined && ref instanceof ValueRef) builder.know(ref, otherwise);
    const shape = builder.shapeOf(ref) ?? otherwise;
    if (shape === undefined) throw this.refuse("a value of unknown shape");
    return shape;
  }

  op(name: string, ...args: Argument[]): Argument {
    this.state.budget.spend("work", work.layer);
    return this.state.builder.op(this.#source(name), name, args);
  }

  /** A module at work that has no parameters. */
  apply(make: () => Module, x: Argument, role = ""): Argument {
    this.state.budget.spend("work", work.layer);
    return this.state.builder.layer(this.#source(role), attempted(this.title, make), x);
  }

  /** A module at work that has parameters: the same in every call. @param role - which of the layer's modules */
  module(make: () => Module, x: Argument, role = ""): Argument {
    const { modules, budget, builder } = this.state;
    const own = modules.get(this.#owner) ?? new Map<string, Module>();
    modules.set(this.#owner, own);
    let module = own.get(role);
    if (module === undefined) {
      budget.spend("work", work.layer + work.parameters);
      module = attempted(this.title, () => withoutInitialValues(make));
      own.set(role, module);
    }
    return builder.layer(this.#source(role), module, x);
  }

  #source(role: string): NamedNode {
    return { name: role === "" ? this.name : `${this.name}/${role}`, output: [] };
  }

  /** Numbers that stay as they are. */
  constant({ shape, data }: Numbers): ConstantRef {
    this.state.budget.spend("work", data.length);
    return this.state.builder.constant(tensor(data, [...shape]));
  }

  /** A weight of no module. */
  parameter(role: string, { shape, data }: Numbers): StateRef {
    return this.state.builder.parameter(`${this.name}/${role}`, tensor(data, [...shape]));
  }

  /** A value in an order. */
  ordered(x: Value, order: "keras" | "first"): Argument {
    return order === "first" ? this.first(x) : this.keras(x);
  }
}
