import { epsOf, parameterOf } from "./batch-norm-node.js";
import type { NodeProto } from "./codec.js";
import type { Graph } from "./graph.js";
import { packValues, type TensorValues } from "./tensor-values.js";

/**
 * Replaces a batch norm by nodes that normalise by the batch: (x − mean) / √(mean of squared deviations + eps) · weight + bias. They are
 * of operators that every version has; training mode itself differs between versions, and onnxruntime lacks older ones.
 *
 * @param rank - how many axes its input has
 */
export function normalizeByBatch(graph: Graph, node: NodeProto, rank: number): void {
  const { model } = graph;
  const [weight, bias] = [parameterOf(graph, node, "weight"), parameterOf(graph, node, "bias")];
  if (typeof weight === "string" || typeof bias === "string")
    throw new Error("internal: a norm without weight or bias");
  const { type } = weight;
  const channels = weight.data.length;
  const perChannel = [1, channels, ...new Array<number>(Math.max(0, rank - 2)).fill(1)];
  const axes = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1);
  const [x, y] = [node.input[0], node.output[0]];
  const name = (part: string): string => model.freshName(`${y}_${part}`);
  const nodes: NodeProto[] = [];
  const add = (opType: string, input: string[], output = name(opType)): string => {
    nodes.push(model.codec.node({ opType, input, output: [output] }));
    return output;
  };
  const constant = (values: TensorValues): string => {
    const packed = packValues(values);
    if (packed === null) throw new Error("internal: parameters that were read overflow");
    return graph.addConstant(name("constant"), values, packed);
  };
  const average = (input: string): string => {
    const output = name("ReduceMean");
    const attribute = [{ name: "keepdims", type: 2, i: 1n }];
    const ints = axes.map(BigInt);
    if (model.opset < 18) {
      const list = [...attribute, { name: "axes", type: 7, ints }];
      nodes.push(model.codec.node({ opType: "ReduceMean", input: [input], output: [output], attribute: list }));
    } else {
      const data = Float64Array.from(axes);
      const list = constant({ type: "int64", shape: [axes.length], data });
      nodes.push(model.codec.node({ opType: "ReduceMean", input: [input, list], output: [output], attribute }));
    }
    return output;
  };
  const eps = constant({ type, shape: [], data: Float64Array.of(epsOf(node)) });
  const deviation = add("Sub", [x, average(x)]);
  const variance = average(add("Mul", [deviation, deviation]));
  const xHat = add("Div", [deviation, add("Sqrt", [add("Add", [variance, eps])])]);
  const scaled = add("Mul", [xHat, constant({ ...weight, shape: perChannel })]);
  add("Add", [scaled, constant({ ...bias, shape: perChannel })], y);
  graph.expand(node, nodes);
}
