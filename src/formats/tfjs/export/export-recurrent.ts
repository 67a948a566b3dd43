import type { LSTM } from "../../../nn/recurrent/lstm.js";
import type { Tensor } from "../../../tensor.js";
import type { TfjsValue } from "./tfjs-value.js";
import type { TfjsWeight, TfjsWriter } from "./tfjs-writer.js";

/** An LSTM, whose gates stand in the same order in TF.js; its two biases are one there. */
export function exportLstm(layer: LSTM, x: TfjsValue, graph: TfjsWriter): TfjsValue {
  if (layer.bidirectional || layer.norm !== null) {
    graph.refuse(
      "an LSTM in one direction and without norms inside, as this format is written with",
      `${layer}${layer.bidirectional ? ", bidirectional" : ""}${layer.norm === null ? "" : `, norm ${layer.norm}`}`,
      "Use such a layer, or give a class of your own toTfjs(x, graph).",
    );
  }
  const [steps, features] = [x.shape[0], layer.hiddenSize];
  let value = graph.here(x);
  for (let k = 0; k < layer.numLayers; k++) {
    const { weightIh, weightHh, biasIh, biasHh } = layer.cell(k, false);
    const weights: Record<string, TfjsWeight> = {
      kernel: transposed(weightIh),
      recurrent_kernel: transposed(weightHh),
    };
    if (biasIh !== null && biasHh !== null) {
      const [a, b] = [biasIh.dataSync(), biasHh.dataSync()];
      weights["bias"] = { shape: biasIh.shape, values: Float64Array.from(a, (value, i) => value + b[i]) };
    }
    const config = {
      ...{ units: features, activation: "tanh", recurrent_activation: "sigmoid", use_bias: biasIh !== null },
      ...{ return_sequences: true, return_state: false, go_backwards: false, stateful: false, unroll: false },
      ...{ implementation: 1, unit_forget_bias: false },
    };
    const role = k === 0 ? {} : { role: String(k) };
    value = graph.layer("LSTM", [value], config, { weights, shape: [steps, features], order: "here", ...role });
  }
  return value;
}

function transposed(t: Tensor): TfjsWeight {
  const [rows, columns] = t.shape;
  const values = t.dataSync();
  const turned = values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
  return { shape: [columns, rows], values: turned };
}
