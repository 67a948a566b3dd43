import { ShapeError } from "../errors.js";
import { formatShape } from "../shape.js";
import { checkTensor, type Tensor } from "../tensor.js";
import type { AnyModule } from "./module.js";

/**
 * Checks that an axis of x has the size that a layer was built for.
 *
 * @throws ShapeError naming the layer and the cure
 */
export function checkFeatures(layer: AnyModule, x: Tensor, axis: number, features: number, noun: string): void {
  checkTensor(layer, x);
  const at = axis < 0 ? x.rank + axis : axis;
  if (x.shape[at] === features) return;
  const isLast = axis === 1 && x.rank > 2 && x.shape[x.rank - 1] === features;
  const order = [0, x.rank - 1, ...x.shape.slice(2).map((_, k) => k + 1)];
  throw new ShapeError({
    where: `${layer}.forward(x)`,
    expected: `${features} ${noun} in axis ${at}`,
    received: `${x.shape[at] ?? "no such axis"} (shape ${formatShape(x.shape)})`,
    cure: isLast
      ? `Bring channels to the front: x.transpose([${order.join(", ")}]).`
      : `Build the layer with ${x.shape[at] ?? "as many"} ${noun}, or reshape x.`,
  });
}
