import { Dropout, Dropout2d, DropPath } from "../../../nn/dropout.js";
import { Identity } from "../../../nn/identity.js";
import type { AnyModule } from "../../../nn/module.js";
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

/** What is x itself in evaluation. */
function asItIs<Value>(_: AnyModule, x: Value): Value {
  return x;
}

/** Writes networks. */
export const onnxNetworks = networkWriter<OnnxValue, OnnxWriter>({
  name: "exportOnnx",
  method: "toOnnx",
  adds: "node",
  isExportable,
  writeOwn: (module, x, graph) => (isExportable(module) ? module.toOnnx(x, graph) : undefined),
  batchShape: ({ shape }) => shape,
  layers: [
    ...normLayers,
    writerOf(Dropout, asItIs),
    writerOf(Dropout2d, asItIs),
    writerOf(DropPath, asItIs),
    writerOf(Identity, asItIs),
    writerOf(LSTM, exportRecurrent),
    writerOf(GRU, exportRecurrent),
  ],
  ops: onnxOps,
  // They stay constants under the names of the state dict.
  computesConstants: false,
});

function isExportable(module: AnyModule): module is AnyModule & OnnxExportable {
  return "toOnnx" in module && typeof module.toOnnx === "function";
}
