import type { TensorValues } from "../file/tensor-values.js";

/** Recurrent operators that layers here do. */
export type RecurrentType = "LSTM" | "GRU";

/** Which of ONNX's gates stands at each place here: input, forget, cell, output; reset, update, new. */
const places = { LSTM: [0, 2, 3, 1], GRU: [1, 0, 2] } as const;

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
