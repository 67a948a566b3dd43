import type { Argument } from "../../../../graph/argument.js";
import type { OpenShape } from "../../../../graph/node.js";
import { Flatten } from "../../../../nn/flatten.js";
import { Pad } from "../../../../nn/pad.js";
import { Upsample } from "../../../../nn/upsampling.js";
import { batchSize, countOf, dividedBy, times } from "../../../onnx/import/shapes/open-shapes.js";
import { printable } from "../../../printable.js";
import type { LayerStep } from "../layer-step.js";
import { channelsLast, toLast, type Value } from "../value.js";
import type { Row } from "./row.js";

/**
 * Rows of all that a sample has. Those of planes are kept channel by channel, for the layers behind to put their
 * weights in that order.
 */
function importFlatten(at: LayerStep): Value {
  const { x } = at;
  const rank = x.shape.length;
  if (rank < 3) return rank === 2 ? x : at.plain(at.op("unsqueeze", x.ref, 1), [x.shape[0], 1]);
  const shape = [x.shape[0], countOf(x.shape.slice(1))];
  const flat = (ref: Argument): Argument => at.apply(() => new Flatten(), ref);
  // Keras flattens planes with their channels last, wherever they lie.
  const channels = x.shape[at.isChannelsFirst ? 1 : rank - 1];
  const isFirst = at.isChannelsFirst ? x.order === "keras" : x.order === "first";
  if (!isFirst)
    return at.plain(flat(at.isChannelsFirst ? at.op("transpose", at.keras(x), toLast(rank)) : at.keras(x)), shape);
  const positions = x.shape.filter((_, axis) => axis > 0 && axis !== (at.isChannelsFirst ? 1 : rank - 1));
  if (channels === 1 || positions.every((size) => size === 1)) return at.plain(flat(x.ref), shape);
  if (typeof channels !== "number") throw at.refuse("an input whose number of channels is not known");
  return { ref: flat(x.ref), shape, order: { channels } };
}

function importReshape(at: LayerStep): Value {
  const { x } = at;
  const target = at.config["target_shape"];
  if (!Array.isArray(target) || !target.every((size) => Number.isSafeInteger(size) || size === null)) {
    throw at.refuse(`target_shape ${printable(target)}`);
  }
  const sizes = target.map((size: number | null) => size ?? -1);
  const left = sizes.indexOf(-1);
  if (left !== sizes.lastIndexOf(-1)) throw at.refuse(`target_shape ${printable(target)}`);
  const all = countOf(x.shape.slice(1));
  const others = sizes.reduce((product, size) => (size === -1 ? product : product * size), 1);
  if (left < 0 && typeof all === "number" && all !== others)
    throw at.refuse(`target_shape ${printable(target)} for ${all} values`);
  const rest = dividedBy(all, others);
  if (left >= 0 && typeof all === "number" && rest === null)
    throw at.refuse(`target_shape ${printable(target)} for ${all} values`);
  const shape: OpenShape = [x.shape[0], ...sizes.map((size) => (size === -1 ? rest : size))];
  const settings = shape.includes(null) ? [batchSize, ...sizes] : null;
  const ref = at.keras(x);
  return at.plain(settings === null ? at.reshape(ref, shape) : at.op("reshape", ref, settings), shape);
}

function importPermute(at: LayerStep): Value {
  const { x } = at;
  const rank = x.shape.length;
  const dims = at.sizes("dims", rank - 1);
  if ([...dims].sort((a, b) => a - b).some((axis, k) => axis !== k + 1)) throw at.refuse(`dims ${dims.join(", ")}`);
  return at.plain(at.op("transpose", at.keras(x), [0, ...dims]));
}

function importRepeatVector(at: LayerStep): Value {
  at.checkRank(2);
  const { x } = at;
  const count = at.number("n", 1);
  const ref = at.op("tile", at.op("unsqueeze", at.keras(x), 1), [1, count, 1]);
  return at.plain(ref, [x.shape[0], count, x.shape[1]]);
}

/** `[before, after]` of each axis, of a number for all, one for each, or pairs. */
function widthsOf(at: LayerStep, key: string, axes: number): [number, number][] {
  const given = at.config[key] ?? 1;
  const isWidth = (one: unknown): boolean => Number.isSafeInteger(one) && Number(one) >= 0;
  const isPair = (one: unknown): one is [number, number] =>
    Array.isArray(one) && one.length === 2 && one.every(isWidth);
  if (isWidth(given)) return new Array<[number, number]>(axes).fill([Number(given), Number(given)]);
  if (axes === 1 && isPair(given)) return [given];
  const list: unknown[] = Array.isArray(given) && given.length === axes ? given : [];
  if (list.length > 0 && list.every(isWidth)) return list.map((one) => [Number(one), Number(one)]);
  if (list.length > 0 && list.every(isPair)) return list as [number, number][];
  throw at.refuse(`${key} ${printable(given)}`);
}

function zeroPadding(axes: number): Row {
  return (at) => {
    at.checkRank(axes + 2);
    const widths = widthsOf(at, "padding", axes);
    const x = at.planes();
    const [batch, channels, ...sizes] = at.shapeOf(x);
    const padded = sizes.map((size, k) => (typeof size === "number" ? size + widths[k][0] + widths[k][1] : null));
    const here = [batch, channels, ...padded];
    const isFirst = at.isChannelsFirst;
    let made: Argument | null = null;
    return {
      // Only where someone reads it: convolutions take zeros around what they are given.
      get ref() {
        if (made === null) {
          made = at.apply(() => new Pad(widths), x);
          at.shapeOf(made, here);
        }
        return made;
      },
      shape: isFirst ? here : channelsLast(here),
      order: isFirst ? "keras" : "first",
      padded: { x: at.x, widths },
    };
  };
}

function cropping(axes: number): Row {
  return (at) => {
    at.checkRank(axes + 2);
    const widths = widthsOf(at, "cropping", axes);
    const x = at.planes();
    const y = widths.reduce((ref, [before, after], k) => {
      if (before + after === 0) return ref;
      return at.op("slice", ref, before, after === 0 ? undefined : -after, 2 + k);
    }, x);
    return at.asPlanes(y);
  };
}

/** Each value several times along each axis, or, of planes, the mean of four. */
function upSampling(axes: number): Row {
  return (at) => {
    at.checkRank(axes + 2);
    const size = at.sizes("size", axes, 2);
    const x = at.planes();
    const shape = at.shapeOf(x).map((one, axis) => (axis < 2 ? one : times(one, size[axis - 2])));
    const mode = at.text("interpolation", "nearest");
    if (axes !== 2) {
      if (mode !== "nearest") throw at.refuse(`interpolation ${mode}`);
      return at.asPlanes(
        size.reduce((ref, count, k) => at.op("repeat", ref, count, 2 + k), x),
        shape,
      );
    }
    if (mode !== "nearest" && mode !== "bilinear") throw at.refuse(`interpolation ${mode}`);
    if (mode === "bilinear" && at.state.dialect === "tfjs") {
      throw at.refuse(
        "interpolation bilinear, of which TF.js lays the corners of pixels upon each other, not their centres",
      );
    }
    const scale = [size[0], size[1]] as const;
    return at.asPlanes(
      at.apply(() => new Upsample(scale, mode === "nearest" ? {} : { mode }), x),
      shape,
    );
  };
}

/** Layers that move values, or put others around them. */
export const arrangementRows: Readonly<Record<string, Row>> = {
  Flatten: importFlatten,
  Reshape: importReshape,
  Permute: importPermute,
  RepeatVector: importRepeatVector,
  ...{ ZeroPadding1D: zeroPadding(1), ZeroPadding2D: zeroPadding(2), ZeroPadding3D: zeroPadding(3) },
  ...{ Cropping1D: cropping(1), Cropping2D: cropping(2), Cropping3D: cropping(3) },
  ...{ UpSampling1D: upSampling(1), UpSampling2D: upSampling(2), UpSampling3D: upSampling(3) },
};
