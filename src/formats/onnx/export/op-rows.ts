import type { ReduceOptions } from "../../../ops/sum.js";
import { allAxes, broadcastShapes } from "../../../shape.js";
import type { OpWriter } from "../../foreign/layer-writers.js";
import { resolveAxisOf } from "./attributes.js";
import type { OnnxAttributes, OnnxShape, OnnxValue, OnnxWriter } from "./onnx-writer.js";

/** Writes an op. */
export type Op = OpWriter<OnnxWriter, OnnxValue>;

/** An op that is one operator of x. */
export function operator(opType: string, attributesOf: (...settings: never[]) => OnnxAttributes = () => ({})): Op {
  return ({ args: [x, ...settings], shape }, graph) =>
    graph.node(opType, [x as OnnxValue], attributesOf(...(settings as never[])), {
      shape: shape ?? (x as OnnxValue).shape,
    });
}

/** An op of two values that broadcast, either of which may be a number. */
export function binary(opType: string): Op {
  return ({ args, shape }, graph) => {
    const sides = args.map((side) => operandOf(side, graph));
    return graph.node(opType, sides, {}, { shape: shape ?? broadcast(sides, graph) });
  };
}

/** A reduction over some axes, or over all. */
export function reduction(opType: string): Op {
  return ({ args, shape }, graph) => {
    const [x, given, options] = args as [OnnxValue, number | readonly number[] | undefined, ReduceOptions | undefined];
    const rank = x.shape.length;
    const all = allAxes(rank);
    const axes = given === undefined ? all : [given].flat().map((axis) => resolveAxisOf(axis, rank));
    const keepdims = options?.keepDims ? 1 : 0;
    const kept = x.shape.flatMap((size, axis) => (axes.includes(axis) ? (keepdims === 1 ? [1] : []) : [size]));
    const output = { shape: shape ?? kept };
    // ReduceSum takes axes as an input since version 13, the others since 18.
    if (opType !== "ReduceSum" && graph.opset < 18) return graph.node(opType, [x], { axes, keepdims }, output);
    return graph.node(opType, [x, graph.constant("axes", [axes.length], axes, "int64")], { keepdims }, output);
  };
}

/** An operand that may be a number. */
export function operandOf(side: unknown, graph: OnnxWriter): OnnxValue {
  return typeof side === "number" ? graph.constant("number", [], [side]) : (side as OnnxValue);
}

/** Whole numbers or booleans as reals, as ops have them. */
export function asReal(value: OnnxValue, graph: OnnxWriter): OnnxValue {
  return graph.node("Cast", [value], { to: 1 }, { type: "float32" });
}

/** @throws ShapeError if the values do not fit */
function broadcast([a, b]: readonly OnnxValue[], graph: OnnxWriter): OnnxShape {
  const sizes = [a, b].map(({ shape }) => shape.slice(1).map(Number));
  return [
    a.shape[0],
    ...broadcastShapes(`add in ${graph.path === "" ? "the network" : graph.path}`, sizes[0], sizes[1]),
  ];
}
