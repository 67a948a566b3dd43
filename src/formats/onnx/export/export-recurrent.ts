import { ArgumentError } from "../../../errors.js";
import type { GRU } from "../../../nn/recurrent/gru.js";
import { LSTM } from "../../../nn/recurrent/lstm.js";
import type { CellParameters } from "../../../nn/recurrent/recurrent.js";
import type { Tensor } from "../../../tensor.js";
import type { OnnxValue, OnnxWriter } from "./onnx-writer.js";

/** Which gate here stands at each place of ONNX's: input, output, forget, cell; update, reset, new. */
const places = { LSTM: [0, 3, 1, 2], GRU: [1, 0, 2] } as const;

/** Layers one after another, each a node over time, batch and features. */
export function exportRecurrent(layer: LSTM | GRU, x: OnnxValue, graph: OnnxWriter): OnnxValue {
  if (layer.norm !== null) {
    throw new ArgumentError({
      where: "exportOnnx(model)",
      expected: "recurrent layers without norms inside, as ONNX has them",
      received: `${layer}, norm ${layer.norm}`,
      cure: "Train it without, or give a class of your own toOnnx(x, graph).",
    });
  }
  const { hiddenSize, numLayers, bidirectional } = layer;
  const opType = layer.is(LSTM) ? "LSTM" : "GRU";
  const [batch, steps] = x.shape;
  const directions = bidirectional ? [false, true] : [false];
  const width = directions.length * hiddenSize;
  const attributes = {
    hidden_size: hiddenSize,
    direction: bidirectional ? "bidirectional" : "forward",
    ...(opType === "GRU" ? { linear_before_reset: 1 } : {}),
  };
  const turned = { shape: [steps, batch, x.shape[2]] };
  let value = graph.node("Transpose", [x], { perm: [1, 0, 2] }, turned);
  for (let k = 0; k < numLayers; k++) {
    const cells = directions.map((isReversed) => layer.cell(k, isReversed));
    const inputs = [value, ...parametersOf(opType, cells, k, graph)];
    const all = { shape: [steps, directions.length, batch, hiddenSize] };
    const y = graph.node(opType, inputs, attributes, all);
    const features = { shape: [steps, batch, directions.length, hiddenSize] };
    const beside = graph.node("Transpose", [y], { perm: [0, 2, 1, 3] }, features);
    const sizes = graph.constant("shape", [3], [0, 0, width], "int64");
    value = graph.node("Reshape", [beside, sizes], {}, { shape: [steps, batch, width] });
  }
  return graph.node("Transpose", [value], { perm: [1, 0, 2] }, { shape: [batch, steps, width] });
}

function parametersOf(
  opType: "LSTM" | "GRU",
  cells: readonly CellParameters[],
  layer: number,
  graph: OnnxWriter,
): OnnxValue[] {
  const ordered = (t: Tensor): Float32Array => {
    const values = t.dataSync();
    const size = values.length / places[opType].length;
    const parts = places[opType].map((gate) => values.subarray(gate * size, (gate + 1) * size));
    return joined(parts);
  };
  const stacked = (key: string, tensors: readonly Tensor[]): OnnxValue => {
    const shape = [cells.length, ...tensors[0].shape];
    return graph.constant(`${key}_l${layer}`, shape, joined(tensors.map(ordered)));
  };
  const weights = [
    stacked(
      "weight_ih",
      cells.map(({ weightIh }) => weightIh),
    ),
    stacked(
      "weight_hh",
      cells.map(({ weightHh }) => weightHh),
    ),
  ];
  const biases = cells.flatMap(({ biasIh, biasHh }) => (biasIh === null || biasHh === null ? [] : [biasIh, biasHh]));
  if (biases.length === 0) return weights;
  const size = 2 * biases[0].size;
  return [...weights, graph.constant(`bias_l${layer}`, [cells.length, size], joined(biases.map(ordered)))];
}

function joined(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}
