import type { RecurrentType } from "../../../foreign/unrolled-recurrence.js";
import type { NodeProto } from "../../file/codec.js";
import type { TensorValues } from "../../file/tensor-values.js";

/** Which of ONNX's gates stands at each place here: input, forget, cell, output; reset, update, new. */
const places: Readonly<Record<RecurrentType, readonly number[]>> = { LSTM: [0, 2, 3, 1], GRU: [1, 0, 2], RNN: [0] };

/** What belongs to one of so many directions. */
export function partOf({ data }: TensorValues, n: number, count: number): Float64Array {
  const values = Float64Array.from(data);
  const size = values.length / count;
  return values.subarray(n * size, (n + 1) * size);
}

/** Gates in the order that they have here. */
export function gatesInOrder(opType: RecurrentType, values: Float64Array): Float64Array {
  const size = values.length / places[opType].length;
  return Float64Array.from(places[opType].flatMap((gate) => [...values.subarray(gate * size, (gate + 1) * size)]));
}

/** The activations that a node names; undefined where it names none. */
export function activationsOf({ attribute }: NodeProto): string[] | undefined {
  return attribute.find(({ name }) => name === "activations")?.strings.map((one) => new TextDecoder().decode(one));
}
