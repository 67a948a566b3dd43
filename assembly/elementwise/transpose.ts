// Copies of which one loop reads what another writes, in tiles. Twin: src/backend/cpu/elementwise.ts.

/** Rows of a transposition that go together: few enough for the ways of a cache whose sets they may share. */
export const transposedRows: i32 = 8;

/** Copies a 4×4 tile: row r, column c of y is row c, column r of x; row steps in bytes. */
// @inline
function transposeTile(x: usize, xStep: usize, y: usize, yStep: usize): void {
  const r0 = v128.load(x);
  const r1 = v128.load(x + xStep);
  const r2 = v128.load(x + 2 * xStep);
  const r3 = v128.load(x + 3 * xStep);
  const a = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
  const b = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
  const c = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
  const d = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
  v128.store(y, v128.shuffle<i64>(a, c, 0, 2));
  v128.store(y + yStep, v128.shuffle<i64>(a, c, 1, 3));
  v128.store(y + 2 * yStep, v128.shuffle<i64>(b, d, 0, 2));
  v128.store(y + 3 * yStep, v128.shuffle<i64>(b, d, 1, 3));
}

/**
 * y[r·yStep + c] = x[c·xStep + r] for r < rows, c < columns, within three outer loops that move x and y by their
 * strides (all in values); the outermost has no end of its own, the others run e1 and e2 times. Units: outer loops
 * times ⌈rows / transposedRows⌉.
 */
export function transpose(
  x: usize,
  y: usize,
  e1: i32,
  e2: i32,
  rows: i32,
  columns: i32,
  x0: i32,
  x1: i32,
  x2: i32,
  xStep: i32,
  y0: i32,
  y1: i32,
  y2: i32,
  yStep: i32,
  begin: i32,
  end: i32,
): void {
  const tiles = (rows + transposedRows - 1) / transposedRows;
  const xBytes = (<usize>xStep) << 2;
  const yBytes = (<usize>yStep) << 2;
  for (let unit = begin; unit < end; unit++) {
    const first = (unit % tiles) * transposedRows;
    let rest = unit / tiles;
    const i2 = rest % e2;
    rest /= e2;
    const i1 = rest % e1;
    const i0 = rest / e1;
    const from = x + ((<usize>(i0 * x0 + i1 * x1 + i2 * x2 + first)) << 2);
    const to = y + ((<usize>(i0 * y0 + i1 * y1 + i2 * y2 + first * yStep)) << 2);
    const height = min(rows - first, transposedRows);
    const wholeRows = height & ~3;
    const wholeColumns = columns & ~3;
    for (let c = 0; c < wholeColumns; c += 4) {
      for (let r = 0; r < wholeRows; r += 4) {
        transposeTile(
          from + <usize>c * xBytes + ((<usize>r) << 2),
          xBytes,
          to + <usize>r * yBytes + ((<usize>c) << 2),
          yBytes,
        );
      }
    }
    for (let r = 0; r < height; r++) {
      const at = to + <usize>r * yBytes;
      const source = from + ((<usize>r) << 2);
      for (let c = r < wholeRows ? wholeColumns : 0; c < columns; c++) {
        store<i32>(at + ((<usize>c) << 2), load<i32>(source + <usize>c * xBytes));
      }
    }
  }
}
