import { augment } from "../data/augment/augment.js";
import { bilinear, nearestInside, type Planes, planesOf, redraw } from "../data/augment/image-plane.js";
import type { Dataset } from "../data/dataset.js";
import { Generator } from "../random.js";

/** What is done to each image. */
export interface ImageShift {
  /** Degrees by which it is turned about its middle, bilinear, the edge repeated. */
  readonly rotation?: number;
  /** The deviation of the Gaussian that it is blurred with, in pixels, the edge repeated. */
  readonly blur?: number;
  /** The deviation of normal noise, in that of all pixels: the same noise in each pass over the data. */
  readonly noise?: number;
}

/** Images that are turned, blurred or noisy. @param dataset - (C, H, W), values on the host */
export function shiftImages(
  dataset: Dataset<Int32Array>,
  { rotation = 0, blur = 0, noise = 0 }: ImageShift,
): Dataset<Int32Array> {
  const moved: Dataset<Int32Array> = {
    length: dataset.length,
    batch(indices) {
      const { inputs, targets } = dataset.batch(indices);
      if (!("values" in inputs)) throw new Error("internal: images of a study are on the host");
      const values = Float32Array.from(inputs.values);
      for (const image of planesOf(values, inputs.shape)) {
        if (rotation !== 0) rotate(image, rotation);
        if (blur > 0) blurImage(image, blur);
      }
      return { inputs: { values, shape: inputs.shape }, targets };
    },
  };
  return noise === 0 ? moved : augment(moved, { noise }, new Generator(0));
}

function rotate(image: Planes, degrees: number): void {
  const angle = (degrees * Math.PI) / 180;
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
  const [middleY, middleX] = [(image.height - 1) / 2, (image.width - 1) / 2];
  redraw(image, (plane, y, x) => {
    const [down, right] = [y - middleY, x - middleX];
    return bilinear(plane, image, middleY + cos * down - sin * right, middleX + sin * down + cos * right);
  });
}

function blurImage(image: Planes, deviation: number): void {
  const { height, width } = image;
  const reach = Math.ceil(3 * deviation);
  const bell = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-(((k - reach) / deviation) ** 2) / 2));
  const total = bell.reduce((sum, weight) => sum + weight, 0);
  redraw(
    image,
    (plane, y, x) =>
      bell.reduce((sum, weight, k) => sum + weight * plane[y * width + nearestInside(x + k - reach, width - 1)], 0) /
      total,
  );
  redraw(
    image,
    (plane, y, x) =>
      bell.reduce((sum, weight, k) => sum + weight * plane[nearestInside(y + k - reach, height - 1) * width + x], 0) /
      total,
  );
}
