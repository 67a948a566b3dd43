import type { OnnxShape, OnnxValue, OnnxWriter } from "./onnx-writer.js";
import { asReal, binary, type Op, operandOf, operator } from "./op-rows.js";

/** An op of x that several operators make. */
function composed(write: (x: OnnxValue, graph: OnnxWriter) => OnnxValue): Op {
  return ({ args: [x] }, graph) => write(x as OnnxValue, graph);
}

/** A comparison of two values, either of which may be a number; booleans become reals. */
function comparison(opType: string, isOpposite = false): Op {
  return ({ args, shape }, graph) => {
    const sides = args.map((side) => operandOf(side, graph));
    const output = { shape: shape ?? sides[0].shape, type: "bool" } as const;
    const truth = graph.node(opType, sides, {}, output);
    return asReal(isOpposite ? graph.node("Not", [truth], {}, output) : truth, graph);
  };
}

/** x with a limit that is a number or a tensor, or none. */
function limited(opType: string, x: OnnxValue, limit: unknown, shape: OnnxShape, graph: OnnxWriter): OnnxValue {
  if (limit === null || limit === undefined) return x;
  return graph.node(opType, [x, operandOf(limit, graph)], {}, { shape });
}

/** What elementwise ops, comparisons and choices are in ONNX. */
export const elementwiseOps: Readonly<Record<string, Op>> = {
  abs: operator("Abs"),
  sign: operator("Sign"),
  floor: operator("Floor"),
  ceil: operator("Ceil"),
  round: operator("Round"),
  reciprocal: operator("Reciprocal"),
  sin: operator("Sin"),
  cos: operator("Cos"),
  erf: operator("Erf"),
  square: composed((x, graph) => graph.node("Mul", [x, x])),
  rsqrt: composed((x, graph) => graph.node("Reciprocal", [graph.node("Sqrt", [x])])),
  log1p: composed((x, graph) => graph.node("Log", [graph.node("Add", [x, graph.constant("one", [], [1])])])),
  expm1: composed((x, graph) => graph.node("Sub", [graph.node("Exp", [x]), graph.constant("one", [], [1])])),
  mish: composed((x, graph) =>
    graph.opset < 18
      ? graph.node("Mul", [x, graph.node("Tanh", [graph.node("Softplus", [x])])])
      : graph.node("Mish", [x]),
  ),
  hardSigmoid: operator("HardSigmoid", () => ({ alpha: { float: 1 / 6 }, beta: { float: 0.5 } })),
  hardTanh: ({ args: [x, low = -1, high = 1] }, graph) => {
    const limits = [low, high].map((limit) => graph.constant("limit", [], [Number(limit)]));
    return graph.node("Clip", [x as OnnxValue, ...limits]);
  },
  minimum: binary("Min"),
  maximum: binary("Max"),
  clamp: ({ args: [x, low, high], shape }, graph) => {
    const output = shape ?? (x as OnnxValue).shape;
    return limited("Min", limited("Max", x as OnnxValue, low, output, graph), high, output, graph);
  },
  where: ({ args: [condition, ...sides], shape }, graph) => {
    const truth = graph.node("Cast", [operandOf(condition, graph)], { to: 9 }, { type: "bool" });
    const [a, b] = sides.map((side) => operandOf(side, graph));
    return graph.node("Where", [truth, a, b], {}, { shape: shape ?? a.shape, type: "float32" });
  },
  equal: comparison("Equal"),
  notEqual: comparison("Equal", true),
  less: comparison("Less"),
  lessEqual: comparison("LessOrEqual"),
  greater: comparison("Greater"),
  greaterEqual: comparison("GreaterOrEqual"),
};
