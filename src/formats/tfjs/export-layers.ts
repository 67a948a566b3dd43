import { ConvTranspose1d } from "../../nn/conv-transpose1d.js";
import { ConvTranspose2d } from "../../nn/conv-transpose2d.js";
import { Conv1d } from "../../nn/conv1d.js";
import { Conv2d } from "../../nn/conv2d.js";
import { Conv3d } from "../../nn/conv3d.js";
import { isRandomDrop } from "../../nn/dropout.js";
import { Embedding } from "../../nn/embedding.js";
import { Identity } from "../../nn/identity.js";
import { Linear } from "../../nn/linear.js";
import type { AnyModule } from "../../nn/module.js";
import { LSTM } from "../../nn/recurrent/lstm.js";
import type { Shape } from "../../shape.js";
import { type LayerClass, type LayerWriter, networkWriter, writerOf } from "../foreign/layer-writers.js";
import { shapeAfter } from "../foreign/shape-after.js";
import {
  exportConv1d,
  exportConv2d,
  exportConv3d,
  exportConvTranspose1d,
  exportConvTranspose2d,
} from "./export-convolutions.js";
import { exportEmbedding, exportLinear } from "./export-dense.js";
import { normLayers } from "./export-norms.js";
import { tfjsOps } from "./export-ops.js";
import { exportLstm } from "./export-recurrent.js";
import type { TfjsValue } from "./tfjs-value.js";
import type { TfjsWriter } from "./tfjs-writer.js";

/** A module that says itself what it is in TF.js. */
export interface TfjsExportable {
  /**
   * Adds layers to a network, such as `graph.layer("ReLU", [x])`, and modules inside this one, `graph.apply(this.hidden, x)`. How the values of x
   * lie says `x.order`; `graph.here(x)` and `graph.channelsLast(x)` bring them into an order.
   *
   * @returns the output
   */
  toTfjs(x: TfjsValue, graph: TfjsWriter): TfjsValue;
}

type LayerExport = LayerWriter<TfjsValue, TfjsWriter>;

/** The export of a class and of subclasses that add nothing but a constructor. `shape` is that of a sample of the output. */
function layer<M extends AnyModule>(
  layerClass: LayerClass<M>,
  write: (layer: M, x: TfjsValue, graph: TfjsWriter, shape: Shape) => TfjsValue,
): LayerExport {
  return (module, x, graph) => {
    if (!module.is(layerClass)) return null;
    const [, ...shape] = shapeAfter(module, ["N", ...x.shape]);
    return write(module, x, graph, shape.map(Number));
  };
}

const layers: readonly LayerExport[] = [
  layer(Linear, exportLinear),
  layer(Conv1d, exportConv1d),
  layer(Conv2d, exportConv2d),
  layer(Conv3d, exportConv3d),
  layer(ConvTranspose1d, exportConvTranspose1d),
  layer(ConvTranspose2d, exportConvTranspose2d),
  ...normLayers,
  (module, x) => (isRandomDrop(module) ? x : null),
  writerOf(Identity, (_, x) => x),
  layer(Embedding, exportEmbedding),
  layer(LSTM, exportLstm),
];

/** Writes networks. */
export const tfjsNetworks = networkWriter<TfjsValue, TfjsWriter>({
  name: "exportTfjs",
  method: "toTfjs",
  adds: "layer",
  isExportable,
  writeOwn: (module, x, graph) => (isExportable(module) ? module.toTfjs(x, graph) : undefined),
  batchShape: ({ shape }) => ["N", ...shape],
  layers,
  ops: tfjsOps,
  // Layers of TF.js take no constants as inputs.
  computesConstants: true,
});

function isExportable(module: AnyModule): module is AnyModule & TfjsExportable {
  return "toTfjs" in module && typeof module.toTfjs === "function";
}
