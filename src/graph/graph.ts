import { ArgumentError, GraphError, ShapeError } from "../errors.js";
import { type AnyModule, Module } from "../nn/module.js";
import { formatShape } from "../shape.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { Branch } from "./branch.js";
import { isLayerNode, type NetworkNode } from "./node.js";
import type { GraphInput, GraphParts } from "./parts.js";
import { Plan } from "./plan.js";
import { graphTable } from "./table.js";

/**
 * A network that knows itself: nodes that are the library's own layers, or its ops, in the order in which they run. It
 * computes what the network it was traced from computes, to the bit, shares its layers and tensors, and has the keys of
 * its state dict. Each value is freed after its last use.
 *
 * Graphs are made by {@link trace} and by `loadModel` and `importOnnx`. `String(graph)` is a table of its nodes.
 *
 * @example
 * ```ts
 * const graph = trace(new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 3)), zeros([2, 4]));
 * graph.forward(zeros([5, 4])).shape; // [5, 3]
 * graph.nodes.length; // 3
 * ```
 */
export class Graph extends Module<Tensor[], Tensor> {
  #parts: GraphParts;
  #plan: Plan | null = null;

  /** @internal Graphs are made by {@link trace}. */
  constructor(parts: GraphParts) {
    super();
    this.#parts = parts;
    for (const [name, t] of parts.names.ownBuffers()) this.buffer(name, t);
    super.setTraining(parts.names.training && parts.trains);
    if (!parts.trains) evaluating(parts.names);
  }

  /** The inputs, with the shapes they were traced with. */
  get inputs(): readonly GraphInput[] {
    return this.#parts.inputs;
  }

  /** What is computed, in order. */
  get nodes(): readonly NetworkNode[] {
    return this.#parts.nodes;
  }

  /** @internal All that it is made of. */
  get parts(): GraphParts {
    return this.#parts;
  }

  /** @internal Makes it of other nodes, with the same inputs and buffers. */
  change(parts: GraphParts): void {
    this.#parts = parts;
    this.#plan = null;
  }

  /** @internal Puts another layer wherever one stands. */
  replaceLayer(layer: AnyModule, replacement: AnyModule): void {
    const { names, nodes } = this.#parts;
    names.replace(layer, replacement);
    const replaced = nodes.map((node) =>
      isLayerNode(node) && node.layer === layer ? { ...node, layer: replacement } : node,
    );
    this.change({ ...this.#parts, nodes: replaced });
  }

  /** @internal A graph of copies. */
  override copyShell(copyValue: (value: unknown) => unknown, copyTensor: (t: Tensor) => Tensor): Graph {
    const { names, nodes, constants, ...rest } = this.#parts;
    const layerOf = (layer: AnyModule): AnyModule => copyValue(layer) as AnyModule;
    const copy = new Graph({
      ...rest,
      nodes: nodes.map((node) => (isLayerNode(node) ? { ...node, layer: layerOf(node.layer) } : node)),
      names: names.mapped(layerOf, copyTensor),
      constants: constants.map((t) => copyTensor(t).persist()),
    });
    copy.setTraining(this.training);
    return copy;
  }

  /**
   * Applies the network.
   *
   * @param inputs - as many as it was traced with; the first axis of each is open, other sizes are those of the trace
   * @returns what the network returns: usually one tensor; the same arrays or objects of tensors where it returns those
   * @throws ArgumentError if the number of inputs differs
   * @throws ShapeError if a shape differs from the traced one in an axis that is not open
   */
  override forward(...inputs: Tensor[]): Tensor {
    this.#check(inputs);
    this.#plan ??= new Plan(this.#parts);
    return this.#plan.run(inputs) as Tensor;
  }

  #check(given: readonly Tensor[]): void {
    const { inputs } = this.#parts;
    if (given.length !== inputs.length) {
      throw new ArgumentError({
        where: "Graph.forward(...inputs)",
        expected: `${inputs.length} ${inputs.length === 1 ? "tensor" : "tensors"}`,
        received: String(given.length),
        cure: "Pass what the network was traced with.",
      });
    }
    for (const [k, { shape }] of inputs.entries()) {
      const x = given[k];
      checkTensor("Graph.forward(...inputs)", x);
      if (shape === null) continue;
      const fits =
        x.rank === shape.length && shape.every((size, axis) => typeof size !== "number" || size === x.shape[axis]);
      if (fits) continue;
      throw new ShapeError({
        where: `Graph.forward(...inputs), input ${k}`,
        expected: shape.length === 0 ? "a scalar" : shape.join("×"),
        received: formatShape(x.shape),
        cure: "Pass the shape it was traced with, or trace it again with freeAxes for axes that vary.",
      });
    }
  }

  protected override setTraining(mode: boolean): void {
    if (mode && !this.#parts.trains) {
      throw new GraphError({
        where: "Graph.train()",
        expected: "a graph of both modes",
        received: "one traced in evaluation mode",
        cure: 'Train the network it was traced from, or trace it without { mode: "eval" }.',
      });
    }
    super.setTraining(mode);
  }

  override ownParameters(): [key: string, parameter: Tensor][] {
    return this.#parts.names.ownParameters();
  }

  /** @internal With its constants. */
  override ownTensors(): Tensor[] {
    return [...super.ownTensors(), ...this.#parts.constants];
  }

  override children(): [key: string, module: AnyModule][] {
    return this.#parts.names.children();
  }

  /** The layers that are at work, with their paths; each once. */
  layers(): [path: string, layer: AnyModule][] {
    const found = new Map<AnyModule, string>();
    for (const node of this.nodes) if (isLayerNode(node) && !found.has(node.layer)) found.set(node.layer, node.path);
    return [...found].map(([layer, path]) => [path, layer]);
  }

  /** A table: each node with what it takes, the shape of what it gives, and its parameters. */
  override toString(): string {
    return graphTable(this.#parts);
  }
}

/** Puts what is not in evaluation mode into it; what is keeps its switches. */
function evaluating(names: Branch): void {
  for (const [, module] of names.namedModules()) {
    if (module instanceof Branch) module.setOwnMode(false);
    else if (module.training) module.eval();
  }
}
