import { record } from "../autograd.js";
import { type Shape, sizeOf } from "../shape.js";
import { empty, Tensor, upload } from "../tensor.js";

/**
 * Rows of `width` values of x, taken by number, as a tensor of `shape`. The gradient of x is, for each row, the sum of
 * dy where it was used, added in float64 in the order of the numbers.
 *
 * @param op - the op, as messages name it
 * @param rows - within range; a tensor is a block of i32 on the backend of x, and let go
 */
export function takeRows(op: string, x: Tensor, rows: Int32Array | Tensor, width: number, shape: Shape): Tensor {
  const { backend, shape: before } = x;
  const places = rows instanceof Tensor ? rows : upload(op, backend, [rows.length], rows);
  const y = empty(op, backend, shape);
  backend.gather(x.block, places.block, y.block, places.size, width);
  record(op, y, [x], [places], (dy, [saved]) => {
    const dx = empty(op, backend, before);
    const count = width === 0 ? 0 : sizeOf(before) / width;
    backend.scatterAdd(dy.block, saved.block, dx.block, saved.size, count, width, -1);
    return [dx];
  });
  places.dispose();
  return y;
}
