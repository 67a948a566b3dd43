import type { OpWriter } from "../../foreign/layer-writers.js";
import { exportNeg } from "./export-arithmetic.js";
import { scaled } from "./export-norms.js";
import { TfjsConstant, type TfjsValue } from "./tfjs-value.js";
import type { TfjsWriter } from "./tfjs-writer.js";

type Op = OpWriter<TfjsWriter, TfjsValue>;

/** x with a limit from below: max(x − low, 0) + low. */
function raised(x: TfjsValue, low: number, graph: TfjsWriter): TfjsValue {
  if (low === 0) return graph.layer("ReLU", [x], {}, { role: "low", isPositive: true });
  const rest = graph.layer(
    "ReLU",
    [scaled(x, { beta: () => -low }, "above", graph)],
    {},
    { role: "low", isPositive: true },
  );
  return scaled(rest, { beta: () => low }, "raised", graph);
}

/** x with a limit from above, as minus one from below of −x. */
function lowered(x: TfjsValue, high: number, graph: TfjsWriter): TfjsValue {
  const negative = scaled(x, { gamma: () => -1 }, "negative", graph);
  return scaled(raised(negative, -high, graph), { gamma: () => -1 }, "lowered", graph);
}

/** The smaller or larger of two values; numbers are limits. */
function extreme(className: "Minimum" | "Maximum"): Op {
  const limit = className === "Minimum" ? lowered : raised;
  return ({ args }, graph) => {
    const [a, b] = args as readonly (TfjsValue | number)[];
    if (typeof b === "number") return limit(a as TfjsValue, b, graph);
    if (typeof a === "number") return limit(b, a, graph);
    const isLast = [a, b].some(({ order }) => order === "channelsLast");
    return graph.layer(
      className,
      [a, b].map((side) => (isLast ? graph.channelsLast(side) : graph.here(side))),
    );
  };
}

/** min(max(x, low), high) by numbers. */
function limited(x: TfjsValue, low: unknown, high: unknown, graph: TfjsWriter): TfjsValue {
  for (const limit of [low, high]) {
    if (typeof limit === "number" || limit === null || limit === undefined) continue;
    const received = limit instanceof TfjsConstant ? "a parameter or constant" : "a computed value";
    return graph.refuse(
      "clamp by numbers, since layers of TF.js have no others",
      received,
      "Use minimum() and maximum() of values.",
    );
  }
  const y = typeof low === "number" ? raised(x, low, graph) : x;
  return typeof high === "number" ? lowered(y, high, graph) : y;
}

/** What elementwise ops are in TF.js, which has few layers for them. */
export const elementwiseOps: Readonly<Record<string, Op>> = {
  abs: ({ args: [given] }, graph) => {
    const x = given as TfjsValue;
    const above = graph.layer("ReLU", [x], {}, { role: "above", isPositive: true });
    const below = graph.layer("ReLU", [exportNeg([x], graph)], {}, { role: "below", isPositive: true });
    return graph.layer("Add", [above, below], {}, { role: "sum", isPositive: true });
  },
  square: ({ args: [x] }, graph) => graph.layer("Multiply", [x as TfjsValue, x as TfjsValue], {}, { isPositive: true }),
  mish: ({ args: [x] }, graph) => graph.layer("Activation", [x as TfjsValue], { activation: "mish" }),
  hardSigmoid: ({ args: [x] }, graph) => {
    const shifted = scaled(x as TfjsValue, { beta: () => 3 }, "raised", graph);
    const gate = graph.layer("ReLU", [shifted], { max_value: 6 }, { role: "gate", isPositive: true });
    return { ...scaled(gate, { gamma: () => 1 / 6 }, "share", graph), isPositive: true };
  },
  hardTanh: ({ args: [x, low = -1, high = 1] }, graph) => limited(x as TfjsValue, low, high, graph),
  clamp: ({ args: [x, low, high] }, graph) => limited(x as TfjsValue, low, high, graph),
  minimum: extreme("Minimum"),
  maximum: extreme("Maximum"),
};
