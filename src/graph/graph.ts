import { ArgumentError, GraphError, ShapeError } from "../errors.js";
import { type AnyModule, Module } from "../nn/module.js";
import { formatShape } from "../shape.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { isLayerNode, type NetworkNode } from "./node.js";
import type { GraphInput, GraphParts } from "./parts.js";
import { Plan } from "./plan.js";
import { graphTable } from "./table.js";

/**
 * A network that knows itself: nodes that are the library's own layers, or its ops, in the order in which they run. It computes what the
 * network it was traced from computes, to the bit, shares its layers and tensors, and has the keys of its state dict. Each value is freed
 * after its last use.
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
  readonly #parts: GraphParts;
  #plan: Plan | null = null;

  /** @internal Graphs are made by {@link trace}. */
  constructor(parts: GraphParts) {
    super();
    this.#parts = parts;
    for (const [name, t] of parts.names.ownBuffers()) this.buffer(name, t);
    if (!parts.trains) this.eval();
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
