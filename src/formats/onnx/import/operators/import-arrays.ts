import { type Argument, SizeRef } from "../../../../graph/argument.js";
import { Embedding } from "../../../../nn/embedding.js";
import { floatOf, intOf, textOf } from "../../file/attributes.js";
import { readTensor, type TensorValues } from "../../file/tensor-values.js";
import { sizesOf } from "../import-sizes.js";
import type { ImportStep } from "../import-step.js";
import { withState } from "../imported-layer.js";
import type { Operator } from "../operators.js";
import { broadcastOpen } from "../shapes/open-shapes.js";
import { importEinsum } from "./import-einsum.js";
import { importGridSample } from "./import-grid-sample.js";
import { importResize } from "./import-resize.js";

/** Numbers as nested arrays of their shape. */
function nested({ shape, data }: Pick<TensorValues, "shape" | "data">): Argument {
  const [first, ...inner] = shape;
  if (first === undefined) return data[0];
  const width = inner.reduce((product, size) => product * size, 1);
  const part = (k: number) => ({ shape: inner, data: data.slice(k * width, (k + 1) * width) });
  return Array.from({ length: first }, (_, k) => nested(part(k)));
}

/** Indices: numbers where they are constant, else a value. */
function indicesOf(at: ImportStep, k: number): Argument {
  const name = at.node.input[k] ?? "";
  return at.graph.isConstant(name) && !at.state.values.has(name) ? nested(at.values(k)) : at.input(k);
}

/** Rows of a constant matrix by a value are an embedding. */
function importGather(at: ImportStep): Argument {
  const { node, graph } = at;
  const table = graph.shapeOfConstant(node.input[0] ?? "");
  const axis = at.axis("axis", 0, table?.length ?? at.rank(0));
  const isTable = table?.length === 2 && axis === 0 && !graph.isConstant(node.input[1] ?? "");
  if (!isTable || at.isWhole(0)) return at.op("gather", at.input(0), indicesOf(at, 1), axis);
  const { shape, data } = at.values(0);
  const key = JSON.stringify(["Gather", node.input[0]]);
  return at.layer(key, () => withState(new Embedding(shape[0], shape[1]), { weight: data }), at.input(1));
}

/** Values along an axis that indices of their own shape name. */
function importGatherElements(at: ImportStep): Argument {
  const axis = at.axis("axis", 0, at.rank(0));
  const [x, taken] = [at.shape(0), at.graph.isConstant(at.node.input[1]) ? at.values(1).shape : at.shape(1)];
  const differs = x?.some((size, k) => k !== axis && typeof size === "number" && size !== (taken?.[k] ?? size));
  if (differs) throw at.refuse("indices that leave a part of the values out");
  return at.op("takeAlongAxis", at.input(0), indicesOf(at, 1), axis);
}

/** Two numbers along a new axis, one of them in the place of the index. */
function importOneHot(at: ImportStep): Argument {
  const rank = at.rank(0) + 1;
  const axis = at.axis("axis", -1, rank);
  const [off, on] = at.values(2).data;
  const order = Array.from({ length: rank - 1 }, (_, k) => k);
  order.splice(axis, 0, rank - 1);
  const rows = at.transposed(at.op("oneHot", at.input(0), at.values(1).data[0]), order);
  const scaled = on - off === 1 ? rows : at.op("mul", rows, on - off);
  return off === 0 ? scaled : at.op("add", scaled, off);
}

function importExpand(at: ImportStep): Argument {
  const [from, sizes] = [at.shape(0), sizesOf(at.graph, at.shapes, at.node.input[1] ?? "")];
  const to = from === null || sizes === null ? null : broadcastOpen([from, sizes]);
  if (to === null || to.some((size) => size === null)) throw at.refuse("a shape that is not known");
  return at.op("broadcastTo", at.input(0), to as Argument);
}

function importTile(at: ImportStep): Argument {
  const counts = sizesOf(at.graph, at.shapes, at.node.input[1] ?? "");
  if (counts === null || counts.includes(null)) throw at.refuse("repeats that are not constant");
  if (counts.every((count) => typeof count === "number")) return at.op("tile", at.input(0), counts);
  // As often as there are samples.
  const [samples, ...others] = counts;
  const shape = at.shape(0);
  const isFirst = shape?.every((size) => typeof size === "number") && others.every((count) => count === 1);
  if (!isFirst || shape?.length !== counts.length) throw at.refuse("a number of samples among its repeats");
  const copies = at.op("broadcastTo", at.op("unsqueeze", at.input(0), 0), [samples, ...shape] as Argument);
  return at.op("reshape", copies, [-1, ...shape.slice(1).map(Number)]);
}

/** Channels as finer planes: by columns, rows and depth as `pixelShuffle`, or depth before the others. */
function importDepthToSpace(at: ImportStep): Argument {
  const factor = intOf(at.node, "blocksize", 1);
  if (textOf(at.node, "mode", "DCR") === "CRD") return at.op("pixelShuffle", at.input(0), factor);
  const [batch, channels, height, width] = at.shape(0) ?? [];
  if (typeof channels !== "number" || typeof height !== "number" || typeof width !== "number") {
    throw at.refuse("planes of unknown size");
  }
  const parts = at.op("reshape", at.input(0), [-1, factor ** 2, channels / factor ** 2, height, width]);
  const turned = at.op("transpose", parts, [0, 2, 1, 3, 4]);
  const size = batch instanceof SizeRef || typeof batch === "number" ? batch : -1;
  return at.op("pixelShuffle", at.op("reshape", turned, [size, channels, height, width]), factor);
}

/** Finer planes as channels: each place of a block is so many of them. */
function importSpaceToDepth(at: ImportStep): Argument {
  const factor = intOf(at.node, "blocksize", 1);
  const [, channels, height, width] = at.sizes(0, [1, 2, 3]);
  const [rows, columns] = [height / factor, width / factor];
  if (!Number.isInteger(rows) || !Number.isInteger(columns))
    throw at.refuse(`blocks of ${factor} in ${height}×${width}`);
  const blocks = at.op("reshape", at.input(0), [-1, rows, factor, columns, factor]);
  const places = at.op("reshape", at.op("transpose", blocks, [0, 2, 4, 1, 3]), [
    -1,
    channels,
    factor ** 2,
    rows,
    columns,
  ]);
  return at.op("reshape", at.op("transpose", places, [0, 2, 1, 3, 4]), [-1, channels * factor ** 2, rows, columns]);
}

/** A Pad that no layer behind it takes in. */
export function importPadding(at: ImportStep, pads: readonly number[]): Argument {
  const rank = pads.length / 2;
  const modes: Readonly<Record<string, string>> = { constant: "constant", reflect: "reflect", edge: "replicate" };
  const mode = modes[textOf(at.node, "mode", "constant")];
  if (mode === undefined) throw at.refuse(`mode ${textOf(at.node, "mode", "")}`);
  if (pads.some((width) => width < 0)) throw at.refuse("widths below 0");
  const widths = Array.from({ length: rank }, (_, k) => [pads[k], pads[rank + k]]);
  const first = widths.findIndex(([before, after]) => before + after > 0);
  const value = at.has(2) ? at.values(2).data[0] : floatOf(at.node, "value", 0);
  return at.op("pad", at.input(0), widths.slice(first), mode === "constant" ? { value } : { mode });
}

/** One number in a shape that nodes work out. */
function importConstantOfShape(at: ImportStep): Argument {
  const sizes = sizesOf(at.graph, at.shapes, at.node.input[0] ?? "");
  if (sizes === null || sizes.some((size) => size === null)) throw at.refuse("a shape that is not known");
  const [stored] = at.node.attribute.flatMap(({ t }) => (t === undefined ? [] : [readTensor(t, {})]));
  if (typeof stored === "string") throw at.refuse(`a value that is not known: ${stored}`);
  return at.op("full", sizes as Argument, stored?.data[0] ?? 0);
}

/** Numbers with one step between them: known ones, or one for each sample. */
function importRange(at: ImportStep): Argument {
  const [start, limit, delta] = [0, 1, 2].map((k) => sizesOf(at.graph, at.shapes, at.node.input[k])?.[0]);
  if (limit instanceof SizeRef && start === 0 && delta === 1) {
    return at.op("sub", at.op("cumSum", at.op("full", [limit], 1), 0), 1);
  }
  if (typeof start !== "number" || typeof limit !== "number" || typeof delta !== "number" || delta === 0) {
    throw at.refuse("a start, limit or delta that is not known");
  }
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  at.graph.model.spend(count);
  return at.constant(
    [count],
    Float32Array.from({ length: count }, (_, k) => start + k * delta),
  );
}

/** The upper or the lower triangle of matrices, which is chosen, not multiplied: what goes may be infinite. */
function importTrilu(at: ImportStep): Argument {
  const rank = at.rank(0);
  const [rows, columns] = at.sizes(0, [rank - 2, rank - 1]).slice(-2);
  const [first = 0] = at.list("k", 1) ?? [];
  const isUpper = intOf(at.node, "upper", 1) !== 0;
  const kept = Float32Array.from({ length: rows * columns }, (_, k) => {
    const diagonal = (k % columns) - Math.floor(k / columns);
    return Number(isUpper ? diagonal >= first : diagonal <= first);
  });
  return at.op("where", at.constant([rows, columns], kept), at.input(0), 0);
}

/** Operators of shapes and indices. */
export const arrayOperators: Readonly<Record<string, Operator>> = {
  Gather: importGather,
  GatherElements: importGatherElements,
  OneHot: importOneHot,
  Expand: importExpand,
  Tile: importTile,
  Resize: importResize,
  Upsample: importResize,
  DepthToSpace: importDepthToSpace,
  SpaceToDepth: importSpaceToDepth,
  Einsum: importEinsum,
  ConstantOfShape: importConstantOfShape,
  Range: importRange,
  GridSample: importGridSample,
  Trilu: importTrilu,
  // Where the condition is known, its branch stands in the place of the node.
  If: (at) => {
    throw at.refuse("a condition that only inputs tell");
  },
};
