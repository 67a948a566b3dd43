import { isOp } from "../../file/attributes.js";
import { readTensor } from "../../file/tensor-values.js";
import type { OnnxGraph } from "../../graph/graph.js";

/** The inputs of recurrent nodes from this one on are first states. */
export const firstStates = 5;

/** So many nodes may pass zeros on. */
const mostNodes = 8;

/** Whether a value is zeros of whatever shape, as exporters write the first states of a network that gets none. */
export function isZeros(graph: OnnxGraph, name: string): boolean {
  let value = name;
  for (let k = 0; k < mostNodes; k++) {
    if (graph.isConstant(value)) {
      const constant = graph.constant(value);
      return typeof constant !== "string" && constant.data.every((one) => one === 0);
    }
    const maker = graph.makerOf(value);
    if (maker === undefined) return false;
    if (isOp(maker, "ConstantOfShape")) {
      const [stored] = maker.attribute.flatMap(({ t }) => (t === undefined ? [] : [readTensor(t, {})]));
      return stored === undefined || (typeof stored !== "string" && stored.data.every((one) => one === 0));
    }
    if (!isOp(maker, "Expand", "Slice", "Identity", "Reshape", "Unsqueeze", "Squeeze", "Transpose")) return false;
    [value] = maker.input;
  }
  return false;
}
