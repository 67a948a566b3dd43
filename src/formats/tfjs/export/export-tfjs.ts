import { noGrad } from "../../../autograd.js";
import { zeros } from "../../../create.js";
import type { AnyModule } from "../../../nn/module.js";
import { checkOptions } from "../../../options.js";
import { scope } from "../../../scope.js";
import type { Shape } from "../../../shape.js";
import { evaluating } from "../../../train/mode.js";
import { foldedNetwork, inputShapes, takesIndices } from "../../foreign/layer-writers.js";
import type { ModelMeta } from "../../model-file/save-model.js";
import type { TfjsFiles } from "../model/files.js";
import { tfjsNetworks } from "./export-layers.js";
import type { TfjsValue } from "./tfjs-value.js";
import { TfjsWriter } from "./tfjs-writer.js";

/** What goes into and comes out of an exported model. */
export interface TfjsEnds {
  /**
   * The shape of one input as Evenkeel has it, without the batch: (C, H, W) of images.
   *
   * @defaultValue the shapes that a `Graph` was traced with
   */
  readonly inputShape?: Shape;
  /**
   * Whether channels are the last axis of the model's input and output, as TF.js has it, (N, H, W, C), or the first of
   * a sample, as here.
   *
   * @defaultValue true where a sample has three axes, as images have; else false
   */
  readonly channelsLast?: boolean;
}

/** Options of {@link exportTfjs}. */
export interface ExportTfjsOptions extends TfjsEnds {
  /** Whether batch norms are first made part of the layers beside them: `foldBatchNorm`. @defaultValue false */
  readonly fold?: boolean;
  /** What the file says besides: `model.getUserDefinedMetadata()` in TF.js. @defaultValue none */
  readonly meta?: ModelMeta;
}

/** Samples of so many axes are images; of more, volumes. */
const imageAxes = 3;

/**
 * A model as a TF.js layers model, as it is in evaluation mode: model.json and weights, to be loaded by
 * `tf.loadLayersModel` with any of TF.js's backends.
 *
 * Its axis 0, the batch, is open. Images go in and come out with channels last; inside, weights are brought into that
 * order, those behind a Flatten too, so that nothing is permuted when it runs. Other samples have their axes as here,
 * unless `channelsLast` is given. The input holds float32, or int32 where the model begins with an `Embedding`. Layers
 * are named after modules (`1.body.0`).
 *
 * What TF.js has no layer for is composed of its own layers: groups of a convolution are zeros in a kernel (each
 * channel by itself is a DepthwiseConv2D), group and instance norm are a LayerNormalization over other axes, RMS norm
 * one of x beside −x, padding of pools that TF.js does not have a ZeroPadding2D. Computed weights (`Reparametrized`)
 * are written as they are now. Dropout is left out. A layer in two places is one layer with two calls, so that training
 * in TF.js keeps them one; it is written twice only where its inputs have another number of axes or TF.js would mix its
 * calls up. Classes of one's own are traced (`trace`) and written op by op, unless they have a method
 * {@link TfjsExportable.toTfjs}; networks of several inputs are traced by you: `exportTfjs(trace(model, a, b))`.
 *
 * @throws ArgumentError if a class has no export, a batch norm has no running statistics, or a norm is given samples of
 * more than three axes
 * @throws ShapeError if a layer does not fit the shape of its input
 * @example
 * ```ts
 * const net = new Sequential(new Conv2d(3, 8, 3), new BatchNorm(8), new ReLU(), new Flatten(), new Linear(288, 10));
 * const { model, shards } = await exportTfjs(net, { inputShape: [3, 8, 8], fold: true });
 * Object.keys(shards); // ["group1-shard1of1.bin"]
 * ```
 */
export async function exportTfjs(model: AnyModule, options: ExportTfjsOptions = {}): Promise<TfjsFiles> {
  const { inputShape, channelsLast, fold = false, meta = {} } = options;
  const where = "exportTfjs(model, { inputShape })";
  checkOptions(where, options, { fold: true, meta: true, inputShape: true, channelsLast: true });
  const shapes = inputShapes(where, model, inputShape);
  return evaluating(model, async () => {
    const written = fold ? foldedNetwork(model, shapes) : model;
    const lastOf = (shape: Shape): boolean => isChannelsLast(shape, channelsLast);
    const files = scope(() =>
      noGrad(() => {
        const parts = tfjsNetworks.partsOf(written, () => shapes.map((shape) => zeros([2, ...shape])));
        const inputs = shapes.map(
          (shape, k) => ({ shape, dtype: takesIndices(parts, k) ? "int32" : "float32" }) as const,
        );
        const write = (sharing: boolean): TfjsFiles | null => {
          const writer = new TfjsWriter(tfjsNetworks.write, sharing);
          const layers = (given: readonly TfjsValue[]) => outputsOf(tfjsNetworks.writeParts(parts, given, writer));
          return writer.model(written.constructor.name, inputs, layers, lastOf, meta);
        };
        return write(true) ?? write(false);
      }),
    );
    if (files === null) throw new Error("internal: a network without shared layers has calls in another order");
    return files;
  });
}

/** The values of what a network returns: one, or those of an array or object in order. */
function outputsOf(output: unknown): TfjsValue[] {
  const { name, order } = output as Partial<TfjsValue>;
  if (typeof name === "string" && order !== undefined) return [output as TfjsValue];
  return Object.values(output as object).flatMap(outputsOf);
}

/** Whether samples of a shape have their channels last in TF.js. */
export function isChannelsLast({ length }: Shape, wanted: boolean | undefined): boolean {
  return length > 1 && (wanted ?? length >= imageAxes);
}
