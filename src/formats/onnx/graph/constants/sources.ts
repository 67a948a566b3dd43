import { work } from "../../../file-budget.js";
import { isOp, isStandard, nodeTitle } from "../../file/attributes.js";
import type { AttributeProto, NodeProto, TensorProto } from "../../file/codec.js";
import { readTensor, type TensorValues } from "../../file/tensor-values.js";
import type { OnnxGraph } from "../graph.js";
import { arithmetic, makers } from "./arithmetic.js";
import { Computation, type ConstantOperator, NotComputed } from "./computation.js";
import { rearranging } from "./rearranging.js";
import { scattering } from "./scattering.js";

/** What has a constant's numbers; a text says why there is nothing. */
type ConstantSource = TensorProto | TensorValues | string;

/** What nodes have been computed to, output by output; a text says why one cannot be. */
type Computed = Map<NodeProto, readonly TensorValues[] | string>;

/** So many nodes may stand in a row between stored numbers and a constant that is computed of them. */
const mostPasses = 1000;

const operators: Readonly<Record<string, ConstantOperator>> = {
  ...rearranging,
  ...arithmetic,
  ...scattering,
  ...makers,
};

/** Whether a node computes a constant where all its inputs are. */
export function computes(node: NodeProto): boolean {
  return isStandard(node) && Object.hasOwn(operators, node.opType);
}

/** Which values are constant: stored, or computed by nodes of constants alone. */
export class ConstantDepths {
  readonly #graph: OnnxGraph;
  readonly #depths = new Map<NodeProto, number>();

  constructor(graph: OnnxGraph) {
    this.#graph = graph;
  }

  /** How many nodes stand in a row between stored numbers and a value; infinite if it is no constant. */
  of(name: string): number {
    const graph = this.#graph;
    if (graph.initializerOf(name) !== undefined) return graph.mayBeReplaced(name) ? Number.POSITIVE_INFINITY : 0;
    const maker = graph.makerOf(name);
    if (maker !== undefined) return this.#ofNode(maker);
    return graph.parent === null || graph.isListed(name) ? Number.POSITIVE_INFINITY : graph.parent.constantDepth(name);
  }

  /** Says that a value is now stored, so that nodes are constant which compute of it and other constants alone. */
  settle(name: string): void {
    const waiting = [name];
    for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
      for (const node of this.#graph.readersOf(value)) {
        if (this.#depths.get(node) !== Number.POSITIVE_INFINITY || !computes(node)) continue;
        const depth = node.input.reduce((most, input) => Math.max(most, input === "" ? 0 : this.of(input) + 1), 1);
        if (depth === Number.POSITIVE_INFINITY) continue;
        this.#depths.set(node, depth);
        waiting.push(...node.output);
      }
    }
  }

  /** By a stack of its own: rows of nodes may be long. */
  #ofNode(first: NodeProto): number {
    const depths = this.#depths;
    const stack = [first];
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      if (!depths.has(node)) depths.set(node, Number.POSITIVE_INFINITY);
      else {
        stack.pop();
        depths.set(node, this.#ofInputs(node));
        continue;
      }
      if (!computes(node)) continue;
      for (const name of node.input) {
        const maker = this.#graph.initializerOf(name) === undefined ? this.#graph.makerOf(name) : undefined;
        if (maker !== undefined && !depths.has(maker)) stack.push(maker);
      }
    }
    return depths.get(first) ?? Number.POSITIVE_INFINITY;
  }

  #ofInputs(node: NodeProto): number {
    if (isOp(node, "Constant")) return 0;
    if (!computes(node) || node.input.length === 0) return Number.POSITIVE_INFINITY;
    return node.input.reduce((most, name) => {
      const maker = this.#graph.initializerOf(name) === undefined ? this.#graph.makerOf(name) : undefined;
      const own = name === "" ? 0 : maker === undefined ? this.of(name) : (this.#depths.get(maker) ?? 0);
      return Math.max(most, own + 1);
    }, 1);
  }
}

/**
 * Where the numbers of a value come from: an initializer, a Constant node, here or in a graph around, or nodes that
 * compute it of these.
 */
export function sourceOf(graph: OnnxGraph, name: string, known: Computed = new Map()): ConstantSource {
  const depth = graph.constantDepth(name);
  if (depth === Number.POSITIVE_INFINITY) return whyNot(graph, name);
  if (depth > mostPasses) return `more than ${mostPasses} nodes pass it on`;
  const tensor = graph.initializerOf(name);
  if (tensor !== undefined) return tensor;
  const maker = graph.makerOf(name);
  if (maker === undefined) return graph.parent === null ? whyNot(graph, name) : sourceOf(graph.parent, name, known);
  // What only passes on a stored tensor is not read for it.
  if (isOp(maker, "Identity")) return sourceOf(graph, maker.input[0], known);
  graph.model.spend(costOf(maker));
  if (isOp(maker, "Constant")) {
    const value = maker.attribute.map(constantOf).find((one) => one !== null);
    return value ?? `${nodeTitle(maker)} computes it`;
  }
  let made = known.get(maker);
  if (made === undefined) {
    made = computedBy(graph, maker, known);
    known.set(maker, made);
  }
  return typeof made === "string" ? made : (made[maker.output.indexOf(name)] ?? `${nodeTitle(maker)} does not make it`);
}

function costOf({ attribute }: NodeProto): number {
  return work.attributes + attribute.reduce((sum, { ints, floats }) => sum + 1 + ints.length + floats.length, 0);
}

function computedBy(graph: OnnxGraph, node: NodeProto, known: Computed): readonly TensorValues[] | string {
  const { model } = graph;
  const inputs: (TensorValues | undefined)[] = [];
  for (const name of node.input) {
    const values = name === "" ? undefined : numbersOf(graph, sourceOf(graph, name, known));
    if (typeof values === "string") return values;
    inputs.push(values);
  }
  // The number that ConstantOfShape repeats is a tensor among its attributes.
  const [value] = node.attribute.flatMap(({ name, t }) => (name === "value" && t !== undefined ? [t] : []));
  const stored = value === undefined ? undefined : readTensor(value, model.files);
  if (typeof stored === "string") return stored;
  if (stored !== undefined) inputs.push(stored);
  try {
    const made = operators[node.opType](new Computation(node, inputs, model.opset, (count) => model.compute(count)));
    return "data" in made ? [made] : made;
  } catch (fault) {
    if (fault instanceof NotComputed) return `${nodeTitle(node)} cannot be computed: ${fault.message}`;
    throw fault;
  }
}

/** Why a value is no constant. */
function whyNot(graph: OnnxGraph, name: string): string {
  for (let at: string = name; ; ) {
    if (graph.initializerOf(at) !== undefined) {
      return "a caller may replace it, since it is also an input: repair the model first";
    }
    const maker = graph.makerOf(at);
    if (maker === undefined) {
      return graph.parent !== null && !graph.isListed(at) ? whyNot(graph.parent, at) : "it is an input of the model";
    }
    graph.model.spend(work.title);
    const isPassed = isStandard(maker) && Object.hasOwn(rearranging, maker.opType);
    if (!isPassed || graph.constantDepth(maker.input[0] ?? "") < Number.POSITIVE_INFINITY) {
      return `${nodeTitle(maker)} computes it`;
    }
    at = maker.input[0];
  }
}

/** The numbers themselves. */
export function numbersOf({ model }: OnnxGraph, source: ConstantSource): TensorValues | string {
  if (typeof source === "string") return source;
  if (!("dims" in source)) return source;
  const values = readTensor(source, model.files);
  if (typeof values !== "string") model.spend(values.data.length);
  return values;
}

/** What an attribute of a Constant node holds; null if it is no number. */
function constantOf({ name, t, f, i, floats, ints }: AttributeProto): TensorProto | TensorValues | null {
  const values = (type: "float32" | "int64", numbers: readonly number[], shape: number[]): TensorValues => ({
    type,
    shape,
    data: Float64Array.from(numbers),
  });
  if (name === "value" && t !== undefined) return t;
  if (name === "value_float") return values("float32", [f], []);
  if (name === "value_floats") return values("float32", floats, [floats.length]);
  if (name === "value_int") return values("int64", [Number(i)], []);
  if (name === "value_ints") return values("int64", ints.map(Number), [ints.length]);
  return null;
}
