import { GRU } from "../../../nn/recurrent/gru.js";
import { LSTM } from "../../../nn/recurrent/lstm.js";
import { networkWriter, writerOf } from "../../foreign/layer-writers.js";
import { normLayers } from "./export-norms.js";
import { onnxOps } from "./export-ops.js";
import { exportRecurrent } from "./export-recurrent.js";
import type { OnnxValue, OnnxWriter } from "./onnx-writer.js";

/** A module that says itself what it is in ONNX. */
export interface OnnxExportable {
  /**
   * Adds nodes to a graph, such as `graph.node("Relu", [x])`, and modules inside this one,
   * `graph.apply(this.hidden, x)`.
   *
   * @returns the output
   */
  toOnnx(x: OnnxValue, graph: OnnxWriter): OnnxValue;
}

/** Writes networks. */
export const onnxNetworks = networkWriter<OnnxValue, OnnxWriter>({
  name: "exportOnnx",
  method: "toOnnx",
  adds: "node",
  batchShape: ({ shape }) => shape,
  layers: [...normLayers, writerOf(LSTM, exportRecurrent), writerOf(GRU, exportRecurrent)],
  ops: onnxOps,
  // They stay constants under the names of the state dict.
  computesConstants: false,
});
