// Convolutions with a 1 × 1 kernel, stride 1 and no padding, as one product to a group: result (rows × columns) = bias
// + weight (rows × channels) · source (channels × columns), where the positions of all images, one after the other, are
// the columns. They are worked on in panels of 16, some of which reach from one image into the next.
//
// A sum runs over channels in order, in stretches of 256, as in gemm/product.ts.

import { packPanel, packRows } from "../gemm/packing";
import { tilePacked } from "../gemm/tiles";
import { bytes, copyRow } from "./planes";

const stretch: i32 = 256;
/** Rows of weights to a unit of packing. */
export const pointwisePackedRows: i32 = 8;
/** Bytes of a row of 16 values, of two such rows, and of a panel. */
const rowBytes: usize = 64;
const startBytes: usize = 2 * rowBytes;
const panelBytes: usize = <usize>stretch * rowBytes;

/** Bytes of the packed weights of a group: pairs of rows, an odd last one paired with zeros. */
// @inline
function groupBytes(channels: i32, rows: i32): usize {
  return bytes((rows + 1) & ~1, channels);
}

/**
 * Packs the weights, (group, rows, channels), or (group, channels, rows) if `transposed`. Units are (group, 8 rows).
 */
export function pointwisePackWeights(
  weight: usize,
  channels: i32,
  rows: i32,
  transposed: bool,
  packed: usize,
  begin: i32,
  end: i32,
): void {
  const blocks = (rows + pointwisePackedRows - 1) / pointwisePackedRows;
  for (let unit = begin; unit < end; unit++) {
    const group = unit / blocks;
    const first = (unit - group * blocks) * pointwisePackedRows;
    const to = packed + <usize>group * groupBytes(channels, rows) + bytes(first, channels);
    const from = weight + bytes(group * rows, channels);
    packRows(from, rows, channels, transposed, 0, channels, first, min(first + pointwisePackedRows, rows), to);
  }
}

/**
 * The product of each group, `weights` as {@link pointwisePackWeights} leaves them, `bias` one value per result channel
 * or 0; planes are of `plane` values, `columns` of all images together. Units are (group, panel). Scratch: two rows of
 * the bias, a spare row, a panel, and a row for each result channel.
 */
export function convPointwise(
  source: usize,
  weights: usize,
  bias: usize,
  result: usize,
  groups: i32,
  channels: i32,
  rows: i32,
  plane: i32,
  columns: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const panels = (columns + 15) >> 4;
  const planeBytes = bytes(plane);
  const starts = scratch;
  const spare = starts + startBytes;
  const panel = spare + rowBytes;
  const border = panel + panelBytes;
  for (let unit = begin; unit < end; unit++) {
    const group = unit / panels;
    const column = (unit - group * panels) << 4;
    const image = column / plane;
    const at = column - image * plane;
    const isWhole = at + 16 <= plane;
    const x = source + bytes(group * channels, plane);
    const y = result + bytes(group * rows, plane);
    const to = isWhole ? y + bytes(image * groups * rows, plane) + bytes(at) : border;
    const rowStep: usize = isWhole ? planeBytes : 64;
    let channel = 0;
    do {
      const depth = min(stretch, channels - channel);
      const from = x + bytes(channel, plane);
      if (isWhole) packPanel(from + bytes(image * groups * channels, plane) + bytes(at), planeBytes, depth, panel);
      else copyParts(from, planeBytes, groups * channels, panel, depth, column, columns, plane, true);
      let w = weights + <usize>group * groupBytes(channels, rows) + (bytes(channel) << 1);
      let c0 = to;
      for (let r = 0; r < rows; r += 2) {
        const isPair = r + 1 < rows;
        const c1 = isPair ? c0 + rowStep : spare;
        if (channel > 0) tilePacked(w, panel, depth, c0, c1, c0, c1);
        else if (bias) {
          spread(bias + bytes(group * rows + r), starts);
          if (isPair) spread(bias + bytes(group * rows + r + 1), starts + 64);
          tilePacked(w, panel, depth, starts, starts + 64, c0, c1);
        } else tilePacked(w, panel, depth, 0, 0, c0, c1);
        w += bytes(channels) << 1;
        c0 += 2 * rowStep;
      }
      channel += stretch;
    } while (channel < channels);
    if (!isWhole) copyParts(y, planeBytes, groups * rows, border, rows, column, columns, plane, false);
  }
}

/** Bytes of scratch of {@link convPointwise}. */
export function convPointwiseScratch(rows: i32): f64 {
  return <f64>(startBytes + rowBytes + panelBytes) + <f64>rowBytes * <f64>rows;
}

/** A value, sixteen times. */
// @inline
function spread(value: usize, to: usize): void {
  const values = v128.load32_splat(value);
  v128.store(to, values);
  v128.store(to, values, 16);
  v128.store(to, values, 32);
  v128.store(to, values, 48);
}

/**
 * Copies the columns of a panel that lies in several images, from planes `planeBytes` apart, `imagePlanes` to an image,
 * into rows of 16 values, or back; `count` planes. Columns beyond the last are left as they are.
 */
function copyParts(
  planes: usize,
  planeBytes: usize,
  imagePlanes: i32,
  panel: usize,
  count: i32,
  column: i32,
  columns: i32,
  plane: i32,
  intoPanel: bool,
): void {
  const last = min(column + 16, columns);
  while (column < last) {
    const image = column / plane;
    const at = column - image * plane;
    const length = min(last - column, plane - at);
    let from = planes + <usize>(image * imagePlanes) * planeBytes + bytes(at);
    let to = panel;
    for (let k = 0; k < count; k++) {
      if (intoPanel) copyRow(from, to, length);
      else copyRow(to, from, length);
      from += planeBytes;
      to += 64;
    }
    panel += bytes(length);
    column += length;
  }
}
