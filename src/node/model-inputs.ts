import { arrayDataset } from "../data/array-dataset.js";
import type { TensorData } from "../data/dataset.js";
import { DataError, FormatError } from "../errors.js";
import type { ModelMeta } from "../formats/model-file/save-model.js";
import { formatShape, type Shape } from "../shape.js";
import { readImage } from "./image.js";

/** The shape of one input of a saved model. @throws FormatError if the file does not say it */
export function inputShapeOf({ inputShape }: ModelMeta): Shape {
  if (Array.isArray(inputShape) && inputShape.every((extent) => Number.isInteger(extent) && extent > 0)) {
    return inputShape;
  }
  throw new FormatError({
    where: "the model's metadata",
    expected: "inputShape, the shape of one input",
    received: JSON.stringify(inputShape) ?? "none",
    cure: "Save it with one: saveModel(model, { inputShape, preprocessing, classes }).",
  });
}

/**
 * Images as a saved model takes them: brought to its size and channels, and preprocessed as it was trained.
 *
 * @param paths - PNG or JPEG files
 * @returns (N, C, H, W)
 * @throws DataError if the model does not take images, or as {@link readImage} throws
 */
export async function loadImages(meta: ModelMeta, paths: readonly string[]): Promise<TensorData> {
  const shape = inputShapeOf(meta);
  const [channels, height, width] = shape;
  if (shape.length !== 3 || (channels !== 1 && channels !== 3)) {
    throw new DataError({
      where: `loadImages(${paths[0]})`,
      expected: `inputs of shape ${formatShape(shape)}, which the model was trained on`,
      received: "an image",
      cure: "Pass inputs of that shape.",
    });
  }
  const pixels = new Uint8Array(paths.length * channels * height * width);
  for (const [k, path] of paths.entries()) {
    pixels.set((await readImage(path, { channels, size: [height, width] })).pixels, k * channels * height * width);
  }
  return preprocessed(meta, pixels, paths.length);
}

/** Values of N inputs one after another, preprocessed as the model was trained. */
function preprocessed(meta: ModelMeta, inputs: Uint8Array | Float32Array, count: number): TensorData {
  const shape = inputShapeOf(meta);
  const { preprocessing = {} } = meta;
  const dataset = arrayDataset({ inputs, shape, labels: new Uint8Array(count), preprocessing });
  const { inputs: batch } = dataset.batch(Array.from({ length: count }, (_, k) => k));
  return batch as TensorData;
}
