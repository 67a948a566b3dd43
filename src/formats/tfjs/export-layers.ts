import { ConvTranspose2d } from "../../nn/conv-transpose2d.js";
import { Conv1d } from "../../nn/conv1d.js";
import { Conv2d } from "../../nn/conv2d.js";
import { Dropout } from "../../nn/dropout.js";
import { Embedding } from "../../nn/embedding.js";
import { Linear } from "../../nn/linear.js";
import type { AnyModule } from "../../nn/module.js";
import { BatchNorm } from "../../nn/norms/batch-norm.js";
import { BatchRenorm } from "../../nn/norms/batch-renorm.js";
import { GroupNorm } from "../../nn/norms/group-norm.js";
import { InstanceNorm } from "../../nn/norms/instance-norm.js";
import { LayerNorm } from "../../nn/norms/layer-norm.js";
import { RmsNorm } from "../../nn/norms/rms-norm.js";
import type { Shape } from "../../shape.js";
import { type LayerClass, type LayerWriter, networkWriter, writerOf } from "../foreign/layer-writers.js";
import { shapeAfter } from "../foreign/shape-after.js";
import { exportConv1d, exportConv2d, exportConvTranspose2d } from "./export-convolutions.js";
import {
  exportBatchNorm,
  exportGroupNorm,
  exportInstanceNorm,
  exportLayerNorm,
  exportRmsNorm,
} from "./export-norms.js";
import { tfjsOps } from "./export-ops.js";
import { elementsOf, type TfjsValue } from "./tfjs-value.js";
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
  layer(Linear, ({ weight, bias }, x, graph, shape) => {
    const [outputs, inputs] = weight.shape;
    const source = x.shape.length === 1 ? x : graph.here(x);
    const elements = elementsOf(source);
    const from = weight.dataSync();
    const values = from.map((_, i) => {
      const row = Math.floor(i / outputs);
      return from[(i % outputs) * inputs + (elements === null ? row : elements[row])];
    });
    const weights = {
      kernel: { shape: [inputs, outputs], values },
      ...(bias === null ? {} : { bias: { shape: [outputs], values: bias.dataSync() } }),
    };
    const config = { units: outputs, activation: "linear", use_bias: bias !== null };
    return graph.layer("Dense", [source], config, { weights, shape, order: "here" });
  }),
  layer(Conv1d, exportConv1d),
  layer(Conv2d, exportConv2d),
  layer(ConvTranspose2d, exportConvTranspose2d),
  layer(BatchNorm, exportBatchNorm),
  layer(BatchRenorm, exportBatchNorm),
  layer(InstanceNorm, exportInstanceNorm),
  layer(GroupNorm, exportGroupNorm),
  layer(LayerNorm, exportLayerNorm),
  layer(RmsNorm, exportRmsNorm),
  writerOf(Dropout, (_, x) => x),
  layer(Embedding, ({ weight }, x, graph, shape) => {
    const [rows, width] = weight.shape;
    const weights = { embeddings: { shape: [rows, width], values: weight.dataSync() } };
    const config = { input_dim: rows, output_dim: width, mask_zero: false };
    return graph.layer("Embedding", [graph.here(x)], config, { weights, shape });
  }),
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
});

function isExportable(module: AnyModule): module is AnyModule & TfjsExportable {
  return "toTfjs" in module && typeof module.toTfjs === "function";
}
