import { noGrad } from "../../../../autograd.js";
import { tensor } from "../../../../create.js";
import { ELU, GELU, HardSwish, ReLU, ReLU6, Sigmoid, SiLU, Tanh } from "../../../../nn/activations.js";
import type { Module } from "../../../../nn/module.js";
import { gelu } from "../../../../ops/activations.js";
import { scope } from "../../../../scope.js";
import { work } from "../../../file-budget.js";
import { floatOf, isOp } from "../../file/attributes.js";
import type { NodeProto } from "../../file/codec.js";
import { nodesBetween } from "../../graph/closed-region.js";
import type { OnnxGraph } from "../../graph/graph.js";
import type { ImportedLayer } from "../imported-layer.js";

/** Numbers at which functions are compared: where they bend, and far out, where limits would show. */
const points = Float64Array.from([
  ...Array.from({ length: 65 }, (_, k) => (k - 32) / 4 + 0.01),
  ...[20, 1e3, 1e5, 1e30].flatMap((far) => [-far, far]),
]);

/** What float32 constants and sums may differ by, of values up to 1; of larger ones in proportion. */
const tolerance = 2e-6;

/** So many nodes may make one activation. */
const mostNodes = 8;

/** So many nodes may read a value that an activation is made of. */
const mostReaders = 4;

const activations = [SiLU, HardSwish, GELU, ReLU, ReLU6, ELU, Sigmoid, Tanh] as const;

/** What each of {@link activations} gives at the points, once they were asked for. */
let values: readonly Float32Array[] | null = null;

type Values = Float64Array<ArrayBuffer>;
type Elementwise = (node: NodeProto, inputs: readonly Values[]) => Values;

const each =
  (f: (...values: number[]) => number): Elementwise =>
  (_, inputs) =>
    points.map((_value, k) => f(...inputs.map((values) => values[k])));

/** Operators that treat each number by itself. */
const elementwise: Readonly<Record<string, Elementwise>> = {
  Add: each((a, b) => a + b),
  Sub: each((a, b) => a - b),
  Mul: each((a, b) => a * b),
  Div: each((a, b) => a / b),
  Pow: each((a, b) => a ** b),
  Min: each(Math.min),
  Max: each(Math.max),
  Neg: each((a) => -a),
  Exp: each(Math.exp),
  Reciprocal: each((a) => 1 / a),
  Sigmoid: each((a) => 1 / (1 + Math.exp(-a))),
  Tanh: each(Math.tanh),
  HardSwish: each((a) => (a * Math.min(Math.max(a + 3, 0), 6)) / 6),
  HardSigmoid: (node, [x]) => {
    const [slope, shift] = [floatOf(node, "alpha", 0.2), floatOf(node, "beta", 0.5)];
    return x.map((value) => Math.min(Math.max(slope * value + shift, 0), 1));
  },
  Relu: each((a) => Math.max(a, 0)),
  Erf: (_, [z]) => errorFunction(z),
  Clip: (node, [x, min, max]) => {
    // Limits were attributes before version 11; one that is missing is none.
    const low = limit(min, floatOf(node, "min", Number.NEGATIVE_INFINITY));
    const high = limit(max, floatOf(node, "max", Number.POSITIVE_INFINITY));
    return x.map((value) => Math.min(Math.max(value, low), high));
  },
};

function limit(values: Values | undefined, absent: number): number {
  return values === undefined || Number.isNaN(values[0]) ? absent : values[0];
}

/** erf(z) = 2Φ(z√2) − 1, where Φ(x) = gelu(x) / x. */
function errorFunction(z: Values): Values {
  const x = z.map((value) => value * Math.SQRT2);
  const y = scope(() => noGrad(() => gelu(tensor(Float32Array.from(x))).dataSync()));
  return x.map((value, k) => (value === 0 ? 0 : (2 * y[k]) / Math.fround(value) - 1));
}

/**
 * The activation that nodes compute together of one value and numbers, such as x·sigmoid(x): the nodes are a function
 * of one number, and the layer is the one that has the same values. Of several such groups the largest is taken, since
 * x·sigmoid(x) begins with a sigmoid. Null if there is none.
 */
export function activationOf(value: string, graph: OnnxGraph): ImportedLayer | null {
  const known = new Map([[value, points]]);
  const region = new Set<NodeProto>();
  const waiting = [value];
  let largest: ImportedLayer | null = null;
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    if (graph.readerCount(name) > mostReaders) return largest;
    for (const node of graph.readersOf(name)) {
      if (region.has(node) || region.size === mostNodes) continue;
      const result = resultOf(node, known, graph);
      if (result === null) continue;
      const [output] = node.output;
      region.add(node);
      known.set(output, result);
      waiting.push(output);
      if (nodesBetween(graph, value, output)?.size !== region.size) continue;
      const layer = layerOf(result);
      if (layer !== null) largest = { layer, node, output };
    }
  }
  return largest;
}

/**
 * What a node makes at all points; null if it reads something else than what is known and numbers, or is no such node.
 */
function resultOf(node: NodeProto, known: ReadonlyMap<string, Values>, graph: OnnxGraph): Values | null {
  const f = isOp(node, node.opType) && Object.hasOwn(elementwise, node.opType) ? elementwise[node.opType] : null;
  if (f === null || node.output.length !== 1 || node.input.length > 3) return null;
  graph.model.spend(work.evaluatedNode);
  const inputs: Values[] = [];
  for (const name of node.input) {
    const own = known.get(name) ?? new Float64Array(points.length).fill(numberOf(name, graph));
    if (name !== "" && Number.isNaN(own[0])) return null;
    inputs.push(own);
  }
  return f(node, inputs);
}

/** A constant that is one number; NaN if it is none. */
function numberOf(name: string, graph: OnnxGraph): number {
  const constant = name === "" ? name : graph.constant(name);
  return typeof constant !== "string" && constant.data.length === 1 ? constant.data[0] : Number.NaN;
}

function layerOf(result: Values): Module | null {
  values ??= activations.map((layerClass) =>
    scope(() => noGrad(() => new layerClass().forward(tensor(Float32Array.from(points))).dataSync())),
  );
  const isNear = (value: number, own: number): boolean =>
    Math.abs(value - own) <= tolerance * Math.max(1, Math.abs(own));
  const k = values.findIndex((own) => result.every((value, i) => isNear(value, own[i])));
  return k < 0 ? null : new activations[k]();
}
