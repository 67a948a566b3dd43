import { noGrad } from "../../../autograd.js";
import { zeros } from "../../../create.js";
import { ArgumentError } from "../../../errors.js";
import { isPlainObject } from "../../../graph/argument.js";
import { type AnyModule, Module } from "../../../nn/module.js";
import { checkOptions } from "../../../options.js";
import { scope } from "../../../scope.js";
import type { Shape } from "../../../shape.js";
import { evaluating } from "../../../train/mode.js";
import { foldedNetwork, inputShapes, takesIndices } from "../../foreign/layer-writers.js";
import type { ModelMeta } from "../../model-file/save-model.js";
import { Codec } from "../file/codec.js";
import { onnxNetworks } from "./export-layers.js";
import { type OnnxValue, OnnxWriter } from "./onnx-writer.js";

/** Options of {@link exportOnnx}. */
export interface ExportOnnxOptions {
  /**
   * The shape of one input, without the batch: (C, H, W) of images.
   *
   * @defaultValue the shapes that a `Graph` was traced with
   */
  readonly inputShape?: Shape;
  /** Whether batch norms are first made part of the layers beside them: `foldBatchNorm`. @defaultValue false */
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
 * Its input is called `input`, its output `output`, and axis 0 of both, the batch, has any size `N`. Several inputs of
 * a traced network are `input`, `input_1`, …; several outputs `output`, `output_1`, …, or `output_` and the key where
 * `forward` returns an object. The input holds float32, or int64 where the model begins with an `Embedding`. Nodes are
 * named after modules (`1.body.0/Conv`), constants as in the state dict (`1.body.0.weight`), and every value has its
 * shape.
 *
 * Norms with running statistics become BatchNormalization, others InstanceNormalization and LayerNormalization (from
 * opset 17; before it, and RMS norm always, mean, square and root), group norm an InstanceNormalization of the groups.
 * A batch norm without running statistics takes those of the batch there too. Computed weights (`Reparametrized`) are
 * written as they are now. Dropout is left out. Classes of one's own are traced (`trace`) and written op by op, unless
 * they have a method {@link OnnxExportable.toOnnx}; networks of several inputs are traced by you:
 * `exportOnnx(trace(model, a, b))`.
 *
 * @throws ArgumentError if a class has no export, or an option is out of range
 * @throws ShapeError if a layer does not fit the shape of its input
 * @throws MissingPackageError if onnx-buf or @bufbuild/protobuf is not installed
 */
export async function exportOnnx(model: AnyModule, options: ExportOnnxOptions = {}): Promise<Uint8Array> {
  const { inputShape, fold = false, opset = 17, meta = {} } = options;
  const where = "exportOnnx(model, { inputShape })";
  checkOptions(where, options, { inputShape: true, fold: true, opset: true, meta: true });
  checkModule(model);
  const shapes = inputShapes(where, model, inputShape);
  checkOpset(opset);
  const codec = await Codec.load(where);
  return evaluating(model, async () => {
    const written = fold ? foldedNetwork(model, shapes) : model;
    const writer = new OnnxWriter(codec, opset, onnxNetworks.write);
    return codec.write(
      scope(() =>
        noGrad(() => {
          const parts = onnxNetworks.partsOf(written, () => shapes.map((shape) => zeros([2, ...shape])));
          const inputs = shapes.map((shape, k): OnnxValue => {
            const type = takesIndices(parts, k) ? "int64" : "float32";
            return { name: k === 0 ? "input" : `input_${k}`, shape: ["N", ...shape], type };
          });
          const write = (): [string, OnnxValue][] => namedOutputs(onnxNetworks.writeParts(parts, inputs, writer));
          return writer.model(written.constructor.name, inputs, write, meta);
        }),
      ),
    );
  });
}

/** Outputs with their names in the file: a tensor, or those of an array or object. */
function namedOutputs(output: unknown): [name: string, value: OnnxValue][] {
  if (isPlainObject(output) && typeof output["name"] === "string" && Array.isArray(output["shape"])) {
    return [["output", output as unknown as OnnxValue]];
  }
  const members = Object.entries(output as object).flatMap(([key, member]) =>
    namedOutputs(member).map(([name, value]): [string, OnnxValue] => [name.replace("output", `output_${key}`), value]),
  );
  return Array.isArray(output) && members.length > 0 ? [["output", members[0][1]], ...members.slice(1)] : members;
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
