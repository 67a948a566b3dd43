import { LSTM } from "../../../nn/recurrent/lstm.js";
import { networkWriter, writerOf } from "../../foreign/layer-writers.js";
import { normLayers } from "./export-norms.js";
import { tfjsOps } from "./export-ops.js";
import { exportLstm } from "./export-recurrent.js";
import type { TfjsValue } from "./tfjs-value.js";
import type { TfjsWriter } from "./tfjs-writer.js";

/** A module that says itself what it is in TF.js. */
export interface TfjsExportable {
  /**
   * Adds layers to a network, such as `graph.layer("ReLU", [x])`, and modules inside this one,
   * `graph.apply(this.hidden, x)`. How the values of x lie says `x.order`; `graph.here(x)` and `graph.channelsLast(x)`
   * bring them into an order.
   *
   * @returns the output
   */
  toTfjs(x: TfjsValue, graph: TfjsWriter): TfjsValue;
}

/** Writes networks. */
export const tfjsNetworks = networkWriter<TfjsValue, TfjsWriter>({
  name: "exportTfjs",
  method: "toTfjs",
  adds: "layer",
  batchShape: ({ shape }) => ["N", ...shape],
  layers: [...normLayers, writerOf(LSTM, exportLstm)],
  ops: tfjsOps,
  // Layers of TF.js take no constants as inputs.
  computesConstants: true,
});
