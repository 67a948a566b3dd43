import { tensor } from "../../../create.js";
import type { Argument, ValueRef } from "../../../graph/argument.js";
import type { OpenShape } from "../../../graph/node.js";
import { withoutInitialValues } from "../../../nn/init.js";
import type { AnyModule } from "../../../nn/module.js";
import { formatShape, maxRank } from "../../../shape.js";
import { UnknownInput } from "../../foreign/import-faults.js";
import { intOf, intsOf } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import { elementTypeOf, isFloat, isWholeType, type TensorValues } from "../file/tensor-values.js";
import type { OnnxGraph } from "../graph/graph.js";
import type { GraphBuilder } from "./graph-builder.js";
import { sizesOf } from "./import-sizes.js";
import { constantValues, notConstant, unsupported } from "./imported-layer.js";
import type { Move } from "./operators/merged-axes.js";
import type { ValueShapes } from "./shapes/value-shapes.js";

/** What is known while a graph is imported. */
export class ImportState {
  readonly graph: OnnxGraph;
  readonly shapes: ValueShapes;
  readonly builder: GraphBuilder;
  /** What stands for each value of the file by now; null for outputs of nodes that were refused. */
  readonly values = new Map<string, Argument | null>();
  /** Values that nodes work out of shapes. */
  readonly sizes = new Set<string>();
  /** Values that hold whole numbers in the file, which divide without remainder. */
  readonly whole = new Set<string>();
  /**
   * What moves values with fewer axes than in the file, since the Transpose behind them moves several as one; none
   * behind it.
   */
  readonly merged = new Map<string, readonly Move[]>();
  /** Nodes that are imported, alone or as a part of others. */
  readonly done = new Set<NodeProto>();
  /** Convs of planes that are held as rows, (N, C) for (N, C, 1, 1). */
  readonly products = new Set<NodeProto>();
  /** Nodes that would make rows of these. */
  readonly passes = new Set<NodeProto>();
  /** Layers with parameters, by what they are made of: nodes that share all of it are one layer. */
  readonly layers = new Map<string, AnyModule>();

  constructor(graph: OnnxGraph, shapes: ValueShapes, builder: GraphBuilder) {
    this.graph = graph;
    this.shapes = shapes;
    this.builder = builder;
  }

  /** Remembers what stands for a value of the file. */
  bind(name: string, value: Argument | null): void {
    this.values.set(name, value);
    if (value !== null) this.shapes.set(name, this.builder.shapeOf(value));
  }
}

/** No weight is so large. */
const mostWeight = 1e30;

/** To make a layer takes as long as reading so many numbers, one with parameters as so many more. */
const layerWork = 1000;
const parametersWork = 5000;

/** A node that is being imported: what its operator's row reads and adds. */
export class ImportStep {
  readonly node: NodeProto;
  readonly state: ImportState;

  constructor(node: NodeProto, state: ImportState) {
    this.node = node;
    this.state = state;
  }

  get graph(): OnnxGraph {
    return this.state.graph;
  }

  get shapes(): ValueShapes {
    return this.state.shapes;
  }

  /** An input: a value, or a constant as a parameter of the graph or as a number. */
  input(k: number): Argument {
    const name = this.node.input[k] ?? "";
    if (name === "") throw this.refuse(`no input ${k}`);
    const value = this.state.values.get(name);
    if (value === null) throw new UnknownInput();
    if (value === undefined && this.state.sizes.has(name)) throw this.refuse(`a size in input ${k} that is not known`);
    return value ?? this.#constant(name, k);
  }

  /** All inputs, as {@link ImportStep.input}. */
  inputs(): Argument[] {
    return this.node.input.map((_, k) => this.input(k));
  }

  /** The shape of an input; null where it is not known. */
  shape(k: number): OpenShape | null {
    return this.state.builder.shapeOf(this.input(k));
  }

  /**
   * The sizes of an input as numbers. Where one is the number of samples, the network is from now on that of the
   * declared number alone.
   *
   * @param axes - which of them must be known; others may be null
   * @throws if one is not known
   */
  sizes(k: number, axes?: readonly number[]): number[] {
    const shape = this.shape(k);
    if (shape === null) throw this.refuse(`input ${k} of unknown shape`);
    return shape.map((size, axis) => this.known(k, size, axes === undefined || axes.includes(axis)));
  }

  /** A size as a number; that of an axis that does not matter may be unknown. */
  private known(k: number, size: OpenShape[number], matters: boolean): number {
    if (typeof size === "number") return size;
    if (!matters) return Number.NaN;
    const { shapes } = this;
    if (size === null || size.axis !== 0 || shapes.declaredBatch === null) {
      throw this.refuse(`input ${k} of unknown size`);
    }
    shapes.fixBatch();
    return shapes.declaredBatch * size.factor;
  }

  /** The rank of an input. @throws if it is unknown */
  rank(k: number): number {
    const rank = this.shape(k)?.length ?? this.shapes.rank(this.node.input[k] ?? "");
    if (rank === undefined) throw this.refuse(`input ${k} of unknown rank`);
    return rank;
  }

  /** Whether an input holds whole numbers in the file. */
  isWhole(k: number): boolean {
    const name = this.node.input[k] ?? "";
    if (this.state.values.has(name) && !this.graph.isConstant(name)) return this.state.whole.has(name);
    return name !== "" && this.graph.isConstant(name) && isWholeType(this.values(k).type);
  }

  /** The rank of a value that was made here. @throws if it is not known */
  rankOf(x: Argument): number {
    const rank = this.state.builder.shapeOf(x)?.length;
    if (rank === undefined) throw this.refuse("a value of unknown rank");
    return rank;
  }

  /** The numbers of an input that is constant. */
  values(k: number): TensorValues {
    return constantValues(this.node, this.graph, k);
  }

  has(k: number): boolean {
    return (this.node.input[k] ?? "") !== "";
  }

  /**
   * A list of whole numbers that is an attribute in old versions and an input in new ones; null where there is none.
   */
  list(name: string, k: number): number[] | null {
    const attribute = intsOf(this.node, name);
    if (attribute !== null || !this.has(k)) return attribute;
    const sizes = sizesOf(this.graph, this.shapes, this.node.input[k]);
    if (sizes?.every((size) => typeof size === "number")) return [...sizes];
    throw this.refuse(`${name} that are not constant`);
  }

  /** An attribute that counts axes of a shape of so many, from its end if it is negative. */
  axis(name: string, absent: number, rank: number): number {
    return this.resolve(intOf(this.node, name, absent), rank);
  }

  resolve(axis: number, rank: number): number {
    const resolved = axis < 0 ? axis + rank : axis;
    if (resolved >= 0 && resolved < rank) return resolved;
    throw this.refuse(`axis ${axis} of a value of rank ${rank}`);
  }

  op(name: string, ...args: Argument[]): ValueRef {
    this.graph.model.spend(layerWork);
    const y = this.state.builder.op(this.node, name, args);
    const rank = this.state.builder.shapeOf(y)?.length ?? 0;
    if (rank > maxRank) throw this.refuse(`${rank} axes`);
    return y;
  }

  /** Numbers of the import's own, of a shape. */
  constant(shape: readonly number[], data: Float32Array | Float64Array): Argument {
    this.graph.model.spend(data.length);
    if (shape.length > maxRank) throw this.refuse(`a constant of shape ${formatShape(shape)}`);
    return this.state.builder.constant(tensor(data, shape));
  }

  /** Values with their axes in another order; as they are where it is the same. */
  transposed(x: Argument, order: readonly number[]): Argument {
    return order.every((axis, k) => axis === k) ? x : this.op("transpose", x, order);
  }

  /**
   * A layer at work on the first input, or on another value.
   *
   * @param key - of what it is made; null: it has no parameters
   */
  layer(key: string | null, make: () => AnyModule, x?: Argument): ValueRef {
    const { builder, layers } = this.state;
    this.graph.model.spend(key === null ? layerWork : layerWork + parametersWork);
    const layer = (key === null ? undefined : layers.get(key)) ?? withoutInitialValues(make);
    if (key !== null) layers.set(key, layer);
    // Only now, so that what is wrong with a layer is told although its input is not known.
    return builder.layer(this.node, layer, x ?? this.input(0));
  }

  /** A float constant as a parameter, once for each name. */
  parameter(name: string, { shape, data }: TensorValues): Argument {
    const made = this.state.builder.parameter(name, tensor(data, shape));
    this.state.values.set(name, made);
    return made;
  }

  refuse(received: string): Error {
    return unsupported(this.node, received);
  }

  /**
   * Real initializers with axes are weights, which train; others are numbers of the model's author, and so is what no
   * weight is: masks with −∞, or the lowest number, where nothing shall pass.
   */
  #constant(name: string, k: number): Argument {
    const values = this.graph.constant(name);
    if (typeof values === "string") throw notConstant(this.node, this.graph, k, values);
    this.graph.model.spend(values.data.length);
    const maker = this.graph.makerOf(name);
    // What nodes compute of settings alone, such as a mask, is the model's author's too.
    const isWeight =
      isFloat(values.type) && values.shape.length > 0 && values.data.every((value) => Math.abs(value) < mostWeight);
    if (values.shape.length > maxRank) throw this.refuse(`input ${k} of ${values.shape.length} axes`);
    if (isWeight && (maker === undefined || readsWeights(this.graph, name))) return this.parameter(name, values);
    if (values.shape.length === 0 && k > 0 && this.node.input.length === 2) return values.data[0];
    const made = this.state.builder.constant(tensor(values.data, values.shape));
    this.state.values.set(name, made);
    return made;
  }
}

/** Whether nodes compute a constant of real initializers with axes. */
function readsWeights(graph: OnnxGraph, name: string): boolean {
  const seen = new Set<string>();
  const waiting = [name];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    const stored = graph.initializerOf(value);
    if (stored !== undefined && stored.dims.length > 0 && isFloat(elementTypeOf(stored.dataType) ?? "bool"))
      return true;
    const maker = graph.makerOf(value);
    if (stored !== undefined || maker === undefined) continue;
    for (const input of maker.input) {
      if (seen.has(input)) continue;
      seen.add(input);
      waiting.push(input);
    }
  }
  graph.model.spend(layerWork + seen.size);
  return false;
}
