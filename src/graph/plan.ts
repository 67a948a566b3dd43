import { noGrad } from "../autograd.js";
import { isPlainRelu, takesRelu } from "../nn/fused-relu.js";
import type { Module } from "../nn/module.js";
import { Tensor } from "../tensor.js";
import { tracer } from "../tracing.js";
import {
  ConstantRef,
  isReference,
  leavesOf,
  mapTree,
  partAt,
  SizeRef,
  StateRef,
  tensorsIn,
  ValueRef,
  valuesIn,
} from "./argument.js";
import { isLayerNode, type NetworkNode } from "./node.js";
import { type GraphParts, stateOf } from "./parts.js";

/** The values of one run. */
interface Values {
  readonly inputs: readonly Tensor[];
  /** Inputs, then what each node gave. */
  readonly all: unknown[];
  /** The value whose tensor this one is: layers such as Dropout may return what they were given. */
  readonly owner: number[];
  /** How many values have the tensor of this one. */
  readonly holders: number[];
}

/** How to get the arguments of a node. */
type Fill = (values: Values) => unknown;

interface Step {
  readonly node: NetworkNode;
  readonly value: number;
  readonly fill: readonly Fill[];
  readonly takes: readonly number[];
  /** Values that nobody needs behind this step. */
  readonly frees: readonly number[];
  /** Whether the next step is a ReLU that alone takes what this one gives, and may be computed in the same pass. */
  readonly beforeRelu: boolean;
}

/** A graph made ready to run. */
export class Plan {
  readonly #inputs: number;
  readonly #steps: readonly Step[];
  readonly #output: Fill;

  constructor(parts: GraphParts) {
    const { inputs, nodes, output } = parts;
    const state = stateOf(parts);
    const fill = (argument: unknown): Fill => fillOf(argument, state, parts.constants);
    this.#inputs = inputs.length;
    this.#output = fill(output);
    const last = lastUses(parts);
    const takers = countTakers(parts);
    const kept = new Set(valuesIn(output));
    this.#steps = nodes.map((node, k) => {
      const value = inputs.length + k;
      const takes = valuesIn(node.args);
      const unused = last.get(value) === undefined && !kept.has(value) ? [value] : [];
      const frees = [...takes.filter((v) => v >= inputs.length && last.get(v) === k && !kept.has(v)), ...unused];
      return { node, value, fill: node.args.map(fill), takes, frees, beforeRelu: isBeforeRelu(parts, k, kept, takers) };
    });
  }

  run(inputs: readonly Tensor[]): unknown {
    const count = this.#inputs + this.#steps.length;
    const values: Values = {
      inputs,
      all: [...inputs],
      owner: Array.from({ length: count }, (_, k) => k),
      holders: new Array<number>(count).fill(1),
    };
    for (let k = 0; k < this.#steps.length; k++) {
      const step = this.#steps[k];
      const { node } = step;
      const given = step.fill.map((fill) => fill(values));
      if (isLayerNode(node) && step.beforeRelu && takesRelu(node.layer) && isRelu(this.#steps[k + 1].node)) {
        const next = this.#steps[++k];
        // The norm's own value is never there: the ReLU's stands for both.
        keepValue(values, next, node.layer.forward(given[0] as Tensor, { activation: "relu" }));
        free(
          values,
          step.frees.filter((value) => value !== step.value),
        );
        free(
          values,
          next.frees.filter((value) => value !== step.value),
        );
        continue;
      }
      keepValue(values, step, node.gradient ? compute(node, given) : noGrad(() => compute(node, given)));
      free(values, step.frees);
    }
    return this.#output(values);
  }
}

function compute(node: NetworkNode, given: readonly unknown[]): unknown {
  return tracer === null || isLayerNode(node) ? apply(node, given) : tracer.within(node.path, () => apply(node, given));
}

function apply(node: NetworkNode, given: readonly unknown[]): unknown {
  return isLayerNode(node)
    ? (node.layer as unknown as Module<unknown[], unknown>).forward(...given)
    : node.run(...(given as never[]));
}

/** Remembers what a step gave; a tensor that it was given itself keeps its first owner. */
function keepValue(values: Values, { value, takes }: Step, result: unknown): void {
  values.all[value] = result;
  if (!(result instanceof Tensor)) return;
  const same = takes.find((taken) => values.all[taken] === result);
  if (same === undefined) return;
  const owner = values.owner[same];
  values.owner[value] = owner;
  values.holders[owner]++;
}

function free(values: Values, unused: readonly number[]): void {
  for (const value of unused) {
    const owner = values.owner[value];
    if (--values.holders[owner] > 0 || owner < values.inputs.length) continue;
    const result = values.all[value];
    if (result instanceof Tensor) result.dispose();
    else for (const t of tensorsIn(result)) t.dispose();
  }
}

function fillOf(argument: unknown, state: ReadonlyMap<string, Tensor>, constants: readonly Tensor[]): Fill {
  if (argument instanceof ValueRef) {
    const { value, path } = argument;
    return path.length === 0 ? ({ all }) => all[value] : ({ all }) => partAt(all[value], path);
  }
  if (argument instanceof StateRef) {
    const t = state.get(argument.key);
    return () => t;
  }
  if (argument instanceof ConstantRef) {
    const t = constants[argument.index];
    return () => t;
  }
  if (argument instanceof SizeRef) {
    const { axis, factor } = argument;
    return ({ inputs }) => factor * inputs[0].shape[axis];
  }
  if (!leavesOf(argument).some(isReference)) return () => argument;
  const fills = new Map<unknown, Fill>();
  for (const leaf of leavesOf(argument)) if (isReference(leaf)) fills.set(leaf, fillOf(leaf, state, constants));
  return (values) => mapTree(argument, (leaf) => (isReference(leaf) ? fills.get(leaf)?.(values) : leaf));
}

/** How many nodes take each value. */
function countTakers({ nodes }: GraphParts): Map<number, number> {
  const takers = new Map<number, number>();
  for (const node of nodes) for (const value of valuesIn(node.args)) takers.set(value, (takers.get(value) ?? 0) + 1);
  return takers;
}

/** The last node that takes each value. */
function lastUses({ nodes }: GraphParts): Map<number, number> {
  const last = new Map<number, number>();
  for (const [k, node] of nodes.entries()) for (const value of valuesIn(node.args)) last.set(value, k);
  return last;
}

function isRelu(node: NetworkNode): boolean {
  return isLayerNode(node) ? isPlainRelu(node.layer) : node.op === "relu";
}

/** Whether node k + 1 is a ReLU that alone takes what node k gives, which is given x and nothing else. */
function isBeforeRelu(
  { inputs, nodes }: GraphParts,
  k: number,
  kept: ReadonlySet<number>,
  takers: ReadonlyMap<number, number>,
): boolean {
  const value = inputs.length + k;
  const next = nodes[k + 1];
  if (next === undefined || !isRelu(next) || nodes[k].args.length !== 1 || kept.has(value)) return false;
  return takers.get(value) === 1 && valuesIn(next.args)[0] === value && nodes[k].gradient && next.gradient;
}
