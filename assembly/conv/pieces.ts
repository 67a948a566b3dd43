// Work that is cut into pieces, by the shape alone, whose f64 sums are kept apart and added in order.
import { bytes } from "./planes";

/** Where a piece starts among `count` images or units. */
export function firstOfPiece(piece: i32, count: i32, pieces: i32): i32 {
  return <i32>((<i64>count * <i64>piece) / <i64>pieces);
}

/** sums[t] += tile[t], f32 to f64, for `width` values, a multiple of 4. */
// @inline
export function addWide(tile: usize, sums: usize, width: i32): void {
  const end = tile + bytes(width);
  while (tile < end) {
    const values = v128.load(tile);
    const high = v128.shuffle<i32>(values, values, 2, 3, 2, 3);
    v128.store(sums, f64x2.add(v128.load(sums), f64x2.promote_low_f32x4(values)));
    v128.store(sums, f64x2.add(v128.load(sums, 16), f64x2.promote_low_f32x4(high)), 16);
    tile += 16;
    sums += 32;
  }
}
