import { noGrad } from "../../../autograd.js";
import { ArgumentError } from "../../../errors.js";
import { foldBatchNorm } from "../../../graph/fold-batch-norm.js";
import { Embedding } from "../../../nn/embedding.js";
import { type AnyModule, Module } from "../../../nn/module.js";
import { Sequential } from "../../../nn/sequential.js";
import { scope } from "../../../scope.js";
import { checkShape, type Shape } from "../../../shape.js";
import { evaluating } from "../../../train/mode.js";
import type { ModelMeta } from "../../model-file/save-model.js";
import { Codec } from "../file/codec.js";
import { writeLayer } from "./export-layers.js";
import { OnnxWriter } from "./onnx-writer.js";

/** Options of {@link exportOnnx}. */
export interface ExportOnnxOptions {
  /** The shape of one input, without the batch: (C, H, W) of images. */
  readonly inputShape: Shape;
  /** Whether batch norms are first made part of the layers beside them: {@link foldBatchNorm}. @defaultValue false */
  readonly fold?: boolean;
  /** The version of ONNX's operators, 13 to 21. @defaultValue 17, which every onnxruntime since 1.12 (2022) runs */
  readonly opset?: number;
  /** What the file says besides: each entry as JSON in its metadata. `importOnnx` gives it back. @defaultValue none */
  readonly meta?: ModelMeta;
}

/** The oldest and the newest version of the operators that are written. */
const opsets = [13, 21] as const;

/**
 * A model as an .onnx file, as it is in evaluation mode.
 *
 * Its input is called `input`, its output `output`, and axis 0 of both, the batch, has any size `N`. The input holds float32, or int64 where the
 * model begins with an {@link Embedding}. Nodes are named after modules (`1.body.0/Conv`), constants as in the state dict (`1.body.0.weight`),
 * and every value has its shape.
 *
 * Norms with running statistics become BatchNormalization, others InstanceNormalization and LayerNormalization (from opset 17; before it, and RMS norm
 * always, mean, square and root), group norm an InstanceNormalization of the groups. A batch norm without running statistics takes those of the batch
 * there too. Computed weights (`Reparametrized`) are written as they are now. Dropout is left out. Classes of one's own take part by a method
 * {@link OnnxExportable.toOnnx}; subclasses of layers that only have a constructor are those layers.
 *
 * @throws ArgumentError if a class has no export, or an option is out of range
 * @throws ShapeError if a layer does not fit the shape of its input
 * @throws MissingPackageError if onnx-buf or @bufbuild/protobuf is not installed
 */
export async function exportOnnx(
  model: Module,
  { inputShape, fold = false, opset = 17, meta = {} }: ExportOnnxOptions,
): Promise<Uint8Array> {
  const where = "exportOnnx(model, { inputShape })";
  checkModule(model);
  checkShape(where, inputShape);
  checkOpset(opset);
  const codec = await Codec.load(where);
  return evaluating(model, async () => {
    const written = fold ? foldBatchNorm(model).model : model;
    const writer = new OnnxWriter(codec, opset, writeLayer);
    const type = firstLayer(written) instanceof Embedding ? "int64" : "float32";
    const input = { name: "input", shape: ["N", ...inputShape], type } as const;
    return codec.write(scope(() => noGrad(() => writer.model(written, input, meta))));
  });
}

function firstLayer(model: AnyModule): AnyModule {
  return model instanceof Sequential && model.layers.length > 0 ? firstLayer(model.layers[0]) : model;
}

function checkModule(model: unknown): void {
  if (model instanceof Module) return;
  throw new ArgumentError({
    where: "exportOnnx(model)",
    expected: "a module",
    received: Object.prototype.toString.call(model).slice(8, -1),
    cure: "Pass a network of Evenkeel, such as a Sequential.",
  });
}

function checkOpset(opset: number): void {
  const [oldest, newest] = opsets;
  if (Number.isInteger(opset) && opset >= oldest && opset <= newest) return;
  throw new ArgumentError({
    where: "exportOnnx(model, { opset })",
    expected: `a whole number from ${oldest} to ${newest}`,
    received: String(opset),
    cure: "Leave it out, unless what runs the model needs another.",
  });
}
