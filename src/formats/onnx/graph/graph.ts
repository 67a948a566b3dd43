import { FormatError } from "../../../errors.js";
import { work } from "../../file-budget.js";
import { printable } from "../../printable.js";
import { isOp, nodeTitle } from "../file/attributes.js";
import type { GraphProto, NodeProto, TensorProto } from "../file/codec.js";
import { elementTypes, packValues, type TensorValues } from "../file/tensor-values.js";
import { ConstantDepths, computes, numbersOf, sourceOf } from "./constants/sources.js";
import { inOrder } from "./in-order.js";
import { normOperatorOf } from "./norm-operators.js";
import type { OnnxModel } from "./onnx-model.js";
import { Readers } from "./readers.js";

/**
 * A graph of a model: what makes each value, and what reads it. Edits keep the maps; {@link OnnxGraph.commit} writes
 * them into the message.
 */
export class OnnxGraph {
  readonly model: OnnxModel;
  readonly proto: GraphProto;
  /** The graph around this one, whose values it may read. */
  readonly parent: OnnxGraph | null;
  /** The node of the graph around this one that holds it. */
  readonly holder: NodeProto | null;
  /** Where it stands: empty for the main graph, else the node and attribute that hold it. */
  readonly place: string;
  readonly subgraphs: readonly OnnxGraph[];
  /** The graphs that each node holds. */
  readonly inside: ReadonlyMap<NodeProto, readonly OnnxGraph[]>;
  readonly #makers = new Map<string, NodeProto>();
  readonly #readers = new Readers();
  readonly #initializers = new Map<string, TensorProto>();
  readonly #sparse: ReadonlySet<string>;
  readonly #inputs: Set<string>;
  readonly #outputs: Set<string>;
  /** Values that graphs inside this one read, from here or from further out. */
  readonly #readInside = new Set<string>();
  readonly #removed = new Set<NodeProto>();
  readonly #dropped = new Set<string>();
  #depths = new ConstantDepths(this);
  /** Nodes that stand in the place of one that was removed. */
  readonly #expansions = new Map<NodeProto, readonly NodeProto[]>();

  /** @throws FormatError if values are made twice, by nothing, or in a circle */
  constructor(
    model: OnnxModel,
    proto: GraphProto,
    parent: OnnxGraph | null,
    place: string,
    holder: NodeProto | null = null,
  ) {
    const norms = proto.node.reduce((count, node) => count + (normOperatorOf(node) === undefined ? 0 : 1), 0);
    model.spend(work.graph + work.node * proto.node.length + work.norm * norms);
    this.model = model;
    this.proto = proto;
    this.parent = parent;
    this.place = place;
    this.holder = holder;
    this.#inputs = new Set(proto.input.map(({ name }) => name));
    const seen = new Set<string>();
    const twice = proto.input.find(({ name }) => seen.size === seen.add(name).size);
    if (twice !== undefined) throw this.#fault(`two inputs called ${printable(twice.name)}`);
    this.#outputs = new Set(proto.output.map(({ name }) => name));
    this.#sparse = new Set(proto.sparseInitializer.map(({ values }) => values?.name ?? ""));
    for (const tensor of proto.initializer) this.#initializers.set(tensor.name, tensor);
    for (const node of proto.node) {
      for (const name of node.output) {
        if (name === "") continue;
        if (this.#makers.has(name)) throw this.#fault(`two nodes that make ${printable(name)}`);
        const stored = this.#initializers.has(name) ? "stores" : this.#inputs.has(name) ? "takes as an input" : null;
        if (stored !== null) throw this.#fault(`a node that makes ${printable(name)}, which the file ${stored}`);
        this.#makers.set(name, node);
      }
      for (const name of node.input) if (name !== "") this.#readers.add(node, name);
    }
    const inside = new Map<NodeProto, OnnxGraph[]>();
    const readInside = new Map<NodeProto, string[]>();
    for (const node of proto.node) {
      const graphs = graphsIn(node).map(
        ([name, graph]) =>
          new OnnxGraph(model, graph, this, printable(`${place}${node.name || node.opType}.${name}/`), node),
      );
      if (graphs.length === 0) continue;
      inside.set(node, graphs);
      const names = graphs.flatMap((graph) => [...graph.#free()]);
      model.spend(work.outerValue * names.length);
      readInside.set(node, names);
      for (const name of names) this.#readInside.add(name);
    }
    this.inside = inside;
    this.subgraphs = [...inside.values()].flat();
    this.#checkDefined();
    const order = inOrder(
      proto.node,
      (name) => this.#makers.get(name),
      (node) => [...node.input, ...(readInside.get(node) ?? [])],
    );
    if (!Array.isArray(order)) throw this.#fault(`a circle of nodes through ${nodeTitle(order.circle)}`);
    // Some files have it otherwise, and runtimes take them.
    proto.node = order;
  }

  #fault(received: string): FormatError {
    return new FormatError({
      where: this.model.where,
      expected: "a graph in which every value is made once, before it is read",
      received,
      cure: "Export the model again; onnx.checker names the place.",
    });
  }

  #has(name: string): boolean {
    return this.#makers.has(name) || this.#initializers.has(name) || this.#inputs.has(name) || this.#sparse.has(name);
  }

  /** Names read here or further inside, but not made here. */
  *#free(): Iterable<string> {
    for (const name of this.#readers.names()) if (this.#readers.count(name) > 0 && !this.#has(name)) yield name;
    for (const name of this.#readInside) if (!this.#has(name)) yield name;
    for (const name of this.#outputs) if (!this.#has(name)) yield name;
  }

  #checkDefined(): void {
    if (this.parent !== null) return;
    for (const name of this.#free()) {
      if (name === "") throw this.#fault("an output without a name");
      throw this.#fault(`${printable(name)}, which nothing makes`);
    }
  }

  /** Every name of a value here. */
  *names(): Iterable<string> {
    yield* this.#makers.keys();
    yield* this.#initializers.keys();
    yield* this.#inputs;
    yield* this.#readers.names();
  }

  /** The nodes that are left, each behind those whose values it reads. */
  get nodes(): readonly NodeProto[] {
    return this.proto.node.filter((node) => !this.#removed.has(node));
  }

  /** The node that makes a value; undefined for inputs, initializers and values from outside. */
  makerOf(name: string): NodeProto | undefined {
    return this.#makers.get(name);
  }

  /** The nodes that read a value in this graph. */
  readersOf(name: string): readonly NodeProto[] {
    return this.#readers.of(name);
  }

  /** How many nodes read a value in this graph. */
  readerCount(name: string): number {
    return this.#readers.count(name);
  }

  /** Whether one input of one node is all that reads a value. */
  isReadOnce(name: string): boolean {
    return this.#readers.isOne(name) && !this.isOutput(name) && !this.isReadInside(name);
  }

  isOutput(name: string): boolean {
    return this.#outputs.has(name);
  }

  isInput(name: string): boolean {
    return this.isListed(name) && !this.#initializers.has(name);
  }

  /** Whether a name is among the inputs, as those of initializers may be too. */
  isListed(name: string): boolean {
    return this.#inputs.has(name);
  }

  initializerOf(name: string): TensorProto | undefined {
    return this.#initializers.get(name);
  }

  /** Whether a graph inside this one reads a value. */
  isReadInside(name: string): boolean {
    return this.#readInside.has(name);
  }

  /** Whether whoever runs the model may pass another value for an initializer, since it is also an input. */
  mayBeReplaced(name: string): boolean {
    const { initializersAreConstant, proto } = this.model;
    return this.isListed(name) && this.#initializers.has(name) && proto.irVersion >= 4n && !initializersAreConstant;
  }

  /**
   * Makes every initializer that is also an input one that is not, where the file's version allows it.
   *
   * @returns their names
   */
  unlistInitializers(): string[] {
    const names = this.proto.input.flatMap(({ name }) => (this.mayBeReplaced(name) ? [name] : []));
    for (const name of names) this.#inputs.delete(name);
    this.proto.input = this.proto.input.filter(({ name }) => this.#inputs.has(name));
    this.#depths = new ConstantDepths(this);
    return names;
  }

  /** Makes the output of a node whose numbers are known a constant. */
  settle(name: string, values: TensorValues): void {
    const packed = packValues(values);
    if (packed === null) return;
    this.addConstant(name, values, packed);
    this.#depths.settle(name);
  }

  /** How many nodes compute a constant of stored numbers, in a row; infinite if a value is none. */
  constantDepth(name: string): number {
    return this.#depths.of(name);
  }

  /**
   * The numbers of a constant: an initializer, the output of a Constant node, here or outside, or what nodes compute of
   * these alone. A text says why there are none.
   */
  constant(name: string): TensorValues | string {
    return numbersOf(this, sourceOf(this, name));
  }

  /** Whether a value is a constant; its numbers may still not be readable. */
  isConstant(name: string): boolean {
    return this.constantDepth(name) < Number.POSITIVE_INFINITY;
  }

  /** The shape of a constant, which is not read for it; undefined if a value is none. */
  shapeOfConstant(name: string): readonly number[] | undefined {
    const source = sourceOf(this, name);
    if (typeof source === "string") return undefined;
    return "dims" in source ? source.dims.map(Number) : source.shape;
  }

  /**
   * Makes one input of a node read a constant of these numbers: in place where nothing else reads the old one, else
   * under a new name.
   */
  setConstant(node: NodeProto, input: number, values: TensorValues, packed: Uint8Array<ArrayBuffer>): void {
    const old = node.input[input] ?? "";
    const own = this.#initializers.get(old);
    const dims = values.shape.map(BigInt);
    if (own !== undefined && this.isReadOnce(old) && this.sameShapeAsInput(old, own, dims)) {
      Object.assign(own, { dims, rawData: packed, dataType: elementTypes[values.type] });
      Object.assign(own, { floatData: [], doubleData: [], int32Data: [], int64Data: [], uint64Data: [] });
      if (own.dataLocation !== 0) Object.assign(own, { dataLocation: 0, externalData: [] });
      return;
    }
    const name = this.model.freshName(old === "" ? `${node.output[0]}_${input}` : `${old}_folded`);
    this.addConstant(name, values, packed);
    this.setInput(node, input, name);
  }

  /** Adds an initializer under a name that is free. */
  addConstant(name: string, { type, shape }: TensorValues, rawData: Uint8Array<ArrayBuffer>): string {
    const dataType = elementTypes[type];
    this.model.spend(rawData.length);
    const tensor = this.model.codec.tensor({ name, dims: shape.map(BigInt), dataType, rawData });
    this.proto.initializer.push(tensor);
    this.#initializers.set(name, tensor);
    if (this.model.proto.irVersion < 4n && this.parent === null) {
      this.proto.input.push(this.model.codec.valueInfo(name, dataType, shape));
    }
    return name;
  }

  /** An initializer that is listed among the inputs, as all were before IR version 4, keeps its shape. */
  private sameShapeAsInput(name: string, { dims }: TensorProto, wanted: readonly bigint[]): boolean {
    return !this.#inputs.has(name) || (dims.length === wanted.length && dims.every((d, k) => d === wanted[k]));
  }

  /** Makes one input of a node read another value. */
  setInput(node: NodeProto, input: number, name: string): void {
    while (node.input.length <= input) node.input.push("");
    this.#unread(node, node.input[input]);
    node.input[input] = name;
    if (name !== "") this.#readers.add(node, name);
  }

  /** Adds nodes behind all others. */
  add(nodes: readonly NodeProto[]): void {
    this.proto.node.push(...nodes);
    this.#know(nodes);
  }

  /** Makes a value an output, behind all others. */
  addOutput(name: string, elementType: number): void {
    this.proto.output.push(this.model.codec.valueInfo(name, elementType));
    this.#outputs.add(name);
  }

  /** Gives a node one more output. */
  addNodeOutput(node: NodeProto, name: string): void {
    node.output.push(name);
    this.#makers.set(name, node);
  }

  /** Leaves the first `count` outputs of a node. */
  trimOutputs(node: NodeProto, count: number): void {
    for (const name of node.output.splice(count)) {
      this.#makers.delete(name);
      this.#dropped.add(name);
    }
  }

  /** Makes a value no longer an output. */
  dropOutput(name: string): void {
    if (this.#outputs.delete(name)) this.#dropped.add(name);
  }

  /** Takes out a node; what read its output reads what `by`, the node before it, makes from now on. */
  replace(node: NodeProto, by: NodeProto): void {
    const [before] = by.output;
    const [after] = node.output;
    this.remove(node);
    this.#makers.delete(before);
    this.#dropped.add(before);
    this.#dropped.delete(after);
    by.output[0] = after;
    this.#makers.set(after, by);
  }

  /** Puts nodes in the place of one, the last of which makes what that one made first. */
  expand(node: NodeProto, nodes: readonly NodeProto[]): void {
    this.remove(node);
    this.#expansions.set(node, nodes);
    this.#know(nodes);
  }

  #know(nodes: readonly NodeProto[]): void {
    for (const node of nodes) {
      for (const name of node.output) {
        this.#makers.set(name, node);
        this.#dropped.delete(name);
      }
      for (const name of node.input) this.#readers.add(node, name);
    }
  }

  /** Takes out a node whose outputs nothing reads. */
  remove(node: NodeProto): void {
    if (this.#removed.has(node)) return;
    this.#removed.add(node);
    for (const name of node.input) this.#unread(node, name);
    for (const name of node.output) {
      this.#makers.delete(name);
      this.#dropped.add(name);
    }
  }

  #unread(node: NodeProto, name: string): void {
    if (this.#readers.remove(node, name)) this.#clean(name);
  }

  /** Takes out a constant that was read and no longer is. */
  #clean(name: string): void {
    if (this.isOutput(name) || this.isReadInside(name)) return;
    const maker = this.#makers.get(name);
    if (maker !== undefined && this.#isIdle(maker)) this.remove(maker);
    if (this.#initializers.delete(name)) this.#dropped.add(name);
  }

  /** Whether a node makes constants that nothing reads. */
  #isIdle(node: NodeProto): boolean {
    const makesConstants = isOp(node, "Constant") || (computes(node) && this.isConstant(node.output[0] ?? ""));
    const isUsed = (name: string): boolean =>
      this.readerCount(name) > 0 || this.isOutput(name) || this.isReadInside(name);
    return makesConstants && !node.output.some(isUsed);
  }

  /** Writes the edits into the message: what was removed goes, and what describes it. */
  commit(): void {
    const inside = [...this.#readInside];
    this.#readInside.clear();
    for (const graph of this.subgraphs) {
      graph.commit();
      for (const name of graph.#free()) this.#readInside.add(name);
    }
    for (const name of inside) if (this.#readers.count(name) === 0) this.#clean(name);
    const { proto } = this;
    const isLeft = ({ name }: { readonly name: string }): boolean => !this.#dropped.has(name);
    if (this.#removed.size > 0) {
      proto.node = proto.node.flatMap((node) => (this.#removed.has(node) ? (this.#expansions.get(node) ?? []) : node));
    }
    this.#removed.clear();
    if (this.#dropped.size === 0) return;
    proto.initializer = proto.initializer.filter(isLeft);
    proto.valueInfo = proto.valueInfo.filter(isLeft);
    proto.input = proto.input.filter(isLeft);
    proto.output = proto.output.filter(isLeft);
    proto.quantizationAnnotation = proto.quantizationAnnotation.filter(
      ({ tensorName }) => !this.#dropped.has(tensorName),
    );
    this.#dropped.clear();
  }
}

function graphsIn({ attribute }: NodeProto): [string, GraphProto][] {
  return attribute.flatMap((one) =>
    [...(one.g === undefined ? [] : [one.g]), ...one.graphs].map((graph): [string, GraphProto] => [one.name, graph]),
  );
}
