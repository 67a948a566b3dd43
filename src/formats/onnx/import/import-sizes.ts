import { SizeRef } from "../../../graph/argument.js";
import type { OpenShape } from "../../../graph/node.js";
import { sizeOf } from "../../../shape.js";
import { intsOf, isOp, isStandard } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import { readTensor } from "../file/tensor-values.js";
import type { OnnxGraph } from "../graph/graph.js";
import { countOf, dividedBy, type Size, times } from "./shapes/open-shapes.js";
import type { ValueShapes } from "./shapes/value-shapes.js";

/** So many nodes may work out a shape, and so many sizes may there be. */
const mostNodes = 200;
const mostSizes = 50;

/** Sizes that nodes compute, as a value of the file has them. */
export interface ComputedSizes {
  readonly shape: readonly number[];
  readonly values: readonly Size[];
}

/**
 * The sizes that a value holds which nodes compute of shapes, as exporters write `x.view(x.size(0), -1)` and
 * `pad(x, …)`. Null if it is anything else.
 */
export function sizesOf(graph: OnnxGraph, shapes: ValueShapes, name: string): readonly Size[] | null {
  return shapedSizesOf(graph, shapes, name)?.values ?? null;
}

/** {@link sizesOf}, with their own shape: a scalar, or a list. */
export function shapedSizesOf(graph: OnnxGraph, shapes: ValueShapes, name: string): ComputedSizes | null {
  const known = new Map<string, ComputedSizes | null>();

  function of(value: string): ComputedSizes | null {
    const before = known.get(value);
    if (before !== undefined) return before;
    if (known.size >= mostNodes) return null;
    known.set(value, null);
    const made = computed(value);
    known.set(value, made);
    return made;
  }

  function computed(value: string): ComputedSizes | null {
    if (graph.isConstant(value)) {
      const constant = graph.constant(value);
      if (typeof constant === "string" || constant.shape.some((size) => size > mostSizes)) return null;
      if (constant.data.length > mostSizes) return null;
      return { shape: constant.shape, values: [...constant.data] };
    }
    const maker = graph.makerOf(value);
    const make =
      maker !== undefined && isStandard(maker) && Object.hasOwn(makers, maker.opType)
        ? makers[maker.opType]
        : undefined;
    if (maker === undefined || make === undefined) return null;
    if (isOp(maker, "Shape")) return shapeOf(maker, graph, shapes, of);
    const part = isOp(maker, "Div") ? roundedUp(maker, graph, of) : null;
    if (part !== null) return part;
    const inputs: ComputedSizes[] = [];
    for (const input of maker.input) {
      const sizes = input === "" ? { shape: [], values: [] } : of(input);
      if (sizes === null) return null;
      inputs.push(sizes);
    }
    const made = make(inputs, maker);
    return made !== null && made.values.length > mostSizes ? null : made;
  }

  return of(name);
}

/** (size + less than the divisor) / divisor, as `chunk` is written, where the size grows with an input and divides. */
function roundedUp(
  node: NodeProto,
  graph: OnnxGraph,
  sizesIn: (name: string) => ComputedSizes | null,
): ComputedSizes | null {
  const sum = graph.makerOf(node.input[0] ?? "");
  if (sum === undefined || !isOp(sum, "Add")) return null;
  const [size, more, divisor] = [...sum.input, node.input[1] ?? ""].map(sizesIn);
  if ([size, more, divisor].some((one) => one?.values.length !== 1)) return null;
  const [whole, rest, parts] = [size, more, divisor].map((one) => one?.values[0] ?? null);
  const isRest = typeof rest === "number" && typeof parts === "number" && rest >= 0 && rest < parts;
  const part = whole instanceof SizeRef && isRest ? dividedBy(whole, parts) : null;
  return part === null || divisor === null ? null : { shape: divisor.shape, values: [part] };
}

/** Operators that compute sizes of sizes, of which one or another input may be one. */
const ofAnyInput = new Set("Add Sub Mul Div Mod Min Max Concat Equal Less Greater Where".split(" "));

/** Whether a node computes sizes, some of its inputs being such: its data, not only its settings. */
export function computesSizes(node: NodeProto, isSize: (name: string) => boolean): boolean {
  if (!isStandard(node) || !Object.hasOwn(makers, node.opType)) return false;
  if (node.opType === "Shape") return true;
  return ofAnyInput.has(node.opType) ? node.input.some(isSize) : isSize(node.input[0] ?? "");
}

/** Operators that make whole numbers of whole numbers. */
const whole = new Set("Shape Identity Add Sub Mul Div Min Max Concat Gather Slice Squeeze Unsqueeze".split(" "));

/** Whether a node makes whole numbers of sizes that are such. */
export function computesWhole({ opType }: NodeProto): boolean {
  return whole.has(opType);
}

/** The shape of a constant, of a value, or of sizes; before version 15 all of it. */
function shapeOf(
  node: NodeProto,
  graph: OnnxGraph,
  shapes: ValueShapes,
  sizesIn: (name: string) => ComputedSizes | null,
): ComputedSizes | null {
  const [input] = node.input;
  const constant = graph.isConstant(input) ? graph.constant(input) : "";
  if (node.attribute.length > 0) return null;
  if (typeof constant !== "string") return row(constant.shape);
  const shape = shapeBehind(input, graph, shapes, sizesIn);
  if (shape !== null) return row(shape);
  const sizes = sizesIn(input);
  if (sizes !== null) return row(sizes.shape);
  const rank = shapes.rank(input);
  return rank === undefined ? null : row(new Array<Size>(rank).fill(null));
}

/** So many nodes in a row may stand behind a value of which nothing but the shape is read. */
const mostBehind = 8;

/** The shape of a value: as it was imported, or, where only its shape is read, as nodes before it say. */
function shapeBehind(
  value: string,
  graph: OnnxGraph,
  shapes: ValueShapes,
  sizesIn: (name: string) => ComputedSizes | null,
  left = mostBehind,
): OpenShape | null {
  const known = shapes.get(value);
  const maker = graph.makerOf(value);
  if (known !== null || maker === undefined || left === 0) return known;
  const x = (): OpenShape | null => shapeBehind(maker.input[0] ?? "", graph, shapes, sizesIn, left - 1);
  if (isOp(maker, "Identity") || isOp(maker, "Cast")) return x();
  if (isOp(maker, "Transpose")) {
    const order = intsOf(maker, "perm");
    return x()?.map((_, k, all) => all[order?.[k] ?? all.length - 1 - k] ?? null) ?? null;
  }
  const sizes = isOp(maker, "Reshape") ? sizesIn(maker.input[1] ?? "")?.values : undefined;
  if (sizes === undefined || sizes.includes(0)) return null;
  if (!sizes.includes(-1)) return sizes;
  const from = x();
  const others = countOf(sizes.filter((size) => size !== -1));
  return from && sizes.map((size) => (size === -1 ? dividedBy(countOf(from), others) : size));
}

function row(values: readonly Size[]): ComputedSizes {
  return { shape: [values.length], values };
}

type Maker = (inputs: readonly ComputedSizes[], node: NodeProto) => ComputedSizes | null;

const passOn: Maker = ([x]) => x;
const arithmetic =
  (f: (a: Size, b: Size) => Size): Maker =>
  ([a, b]) => {
    const count = Math.max(a.values.length, b.values.length);
    if (![a, b].every(({ values }) => values.length === 1 || values.length === count)) return null;
    const at = ({ values }: ComputedSizes, k: number): Size => values[values.length === 1 ? 0 : k];
    const { shape } = [a, b].toSorted((one, other) => other.shape.length - one.shape.length)[0];
    const values = Array.from({ length: count }, (_, k) => f(at(a, k), at(b, k)));
    return { shape: shape.length === 0 && count === 1 ? shape : [count], values };
  };
const ofNumbers = (f: (a: number, b: number) => number): Maker =>
  arithmetic((a, b) => (typeof a === "number" && typeof b === "number" ? f(a, b) : null));
const eachOf =
  (f: (a: number, b: number) => number): Maker =>
  (inputs, node) =>
    inputs.reduce<ComputedSizes | null>((a, b) => a && ofNumbers(f)([a, b], node), inputs[0]);
const ofOne =
  (f: (size: number) => number): Maker =>
  ([{ shape, values }]) => ({ shape, values: values.map((one) => (typeof one === "number" ? f(one) : null)) });

/** What operators make of sizes; lists of them along axis 0 alone. */
const makers: Readonly<Record<string, Maker>> = {
  Shape: () => null,
  Identity: passOn,
  Cast: passOn,
  Add: ofNumbers((a, b) => a + b),
  Sub: ofNumbers((a, b) => a - b),
  Mul: arithmetic(times),
  Div: arithmetic((a, b) => (typeof a === "number" && typeof b === "number" ? Math.trunc(a / b) : dividedBy(a, b))),
  // Of whole numbers, the sign of the divisor; with fmod that of the dividend.
  Mod: (inputs, node) => {
    const isTruncated = node.attribute.some(({ name, i }) => name === "fmod" && i !== 0n);
    return ofNumbers((a, b) => (isTruncated ? a % b : a - b * Math.floor(a / b)))(inputs, node);
  },
  Min: eachOf(Math.min),
  Max: eachOf(Math.max),
  Less: ofNumbers((a, b) => Number(a < b)),
  Greater: ofNumbers((a, b) => Number(a > b)),
  Not: ofOne((size) => Number(size === 0)),
  Abs: ofOne(Math.abs),
  Floor: ofOne(Math.floor),
  Ceil: ofOne(Math.ceil),
  Neg: ofOne((size) => -size),
  Size: ([{ values }]) => ({ shape: [], values: [values.length] }),
  // Whatever grows with an input is never below 0.
  Equal: arithmetic((a, b) => {
    if (typeof a === "number" && typeof b === "number") return Number(a === b);
    return [a, b].some((size) => typeof size === "number" && size < 0) ? 0 : null;
  }),
  Where: ([is, a, b]) => {
    const count = Math.max(...[is, a, b].map(({ values }) => values.length));
    const at = ({ values }: ComputedSizes, k: number): Size => values[values.length === 1 ? 0 : k] ?? null;
    const chosen = (k: number): Size => (at(is, k) === null ? null : at(at(is, k) === 0 ? b : a, k));
    return row(Array.from({ length: count }, (_, k) => chosen(k)));
  },
  Squeeze: ([{ values }]) => (values.length === 1 ? { shape: [], values } : null),
  Unsqueeze: ([{ values }]) => (values.length === 1 ? row(values) : null),
  Concat: (inputs) =>
    inputs.every(({ shape }) => shape.length === 1) ? row(inputs.flatMap(({ values }) => values)) : null,
  Gather: ([{ shape, values }, indices]) => {
    if (shape.length !== 1) return null;
    const taken = indices.values.map((index) => (typeof index === "number" ? values.at(index) : undefined) ?? null);
    return { shape: indices.shape, values: taken };
  },
  ConstantOfShape: ([{ values }], node) => {
    const [size] = values;
    const [stored] = node.attribute.flatMap(({ t }) => (t === undefined ? [] : [readTensor(t, {})]));
    const isList = values.length === 1 && typeof size === "number" && size >= 0 && size <= mostSizes;
    if (!isList || typeof stored === "string" || (stored !== undefined && stored.data.length !== 1)) return null;
    return row(new Array<Size>(size).fill(stored?.data[0] ?? 0));
  },
  Reshape: ([{ values }, to]) => {
    const given = to.values.map(Number);
    const known = given.reduce((product, size) => (size === -1 ? product : product * size), 1);
    const shape = given.map((size) => (size === -1 ? values.length / known : size));
    return sizeOf(shape) === values.length ? { shape, values } : null;
  },
  Transpose: ([{ shape, values }]) => {
    if (shape.length !== 2) return null;
    const [rows, columns] = shape;
    return {
      shape: [columns, rows],
      values: values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]),
    };
  },
  Slice: ([{ shape, values }, ...given], node) => {
    const one = (input: number, attribute: string, absent: number): number =>
      Number(given[input]?.values[0] ?? node.attribute.find(({ name }) => name === attribute)?.ints[0] ?? absent);
    const [start, end, axis, step] = [one(0, "starts", 0), one(1, "ends", 0), one(2, "axes", 0), one(3, "steps", 1)];
    const [count, ...inner] = shape;
    const width = sizeOf(inner);
    if (axis !== 0 || shape.length === 0 || Math.abs(step) !== 1) return null;
    const within = (at: number, least: number): number =>
      Math.min(Math.max(at < 0 ? at + count : at, least), count + least);
    const taken: number[] = [];
    if (step === 1) for (let k = within(start, 0); k < within(end, 0); k++) taken.push(k);
    else for (let k = within(start, -1); k > within(end, -1); k--) taken.push(k);
    return { shape: [taken.length, ...inner], values: taken.flatMap((k) => values.slice(k * width, (k + 1) * width)) };
  },
};

/** The sizes that a Reshape brings values to; before version 5 they were an attribute. */
export function targetOf(node: NodeProto, graph: OnnxGraph, shapes: ValueShapes): readonly Size[] | null {
  const own = node.attribute.find(({ name }) => name === "shape")?.ints;
  return own === undefined ? sizesOf(graph, shapes, node.input[1] ?? "") : own.map(Number);
}
