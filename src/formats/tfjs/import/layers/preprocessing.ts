import type { Argument } from "../../../../graph/argument.js";
import { printable } from "../../../printable.js";
import type { LayerStep } from "../layer-step.js";
import type { Value } from "../value.js";
import type { Row } from "./row.js";

/** a·x + b. @param scale - one number, or one for each feature */
function scaled(at: LayerStep, scale: readonly number[], shift: readonly number[]): Value {
  const { x } = at;
  const rank = x.shape.length;
  const order = typeof x.order === "string" ? x.order : "keras";
  const operand = (values: readonly number[]): Argument => {
    if (values.length === 1) return values[0];
    at.checkFeatures(values.length);
    const shape = order === "first" ? [values.length, ...new Array<number>(rank - 2).fill(1)] : [values.length];
    return at.constant({ shape, data: Float64Array.from(values) });
  };
  const whole = at.ordered(x, order);
  const product = scale.every((one) => one === 1) ? whole : at.op("mul", whole, operand(scale));
  const y = shift.every((one) => one === 0) ? product : at.op("add", product, operand(shift));
  return { ref: y, shape: x.shape, order };
}

/** One number, or a list of them in whatever lists. */
function numbers(at: LayerStep, key: string, absent: number): number[] {
  const given = at.config[key] ?? absent;
  const list: unknown[] = Array.isArray(given) ? given.flat(8) : [given];
  if (list.length > 0 && list.every((one) => typeof one === "number" && Number.isFinite(one))) return list.map(Number);
  throw at.refuse(`${key} ${printable(given)}`);
}

function importRescaling(at: LayerStep): Value {
  return scaled(at, numbers(at, "scale", 1), numbers(at, "offset", 0));
}

/** (x − mean) / √variance, of numbers in the configuration or of weights. */
function importNormalization(at: LayerStep): Value {
  const axis = at.config["axis"] ?? -1;
  const { length: rank } = at.x.shape;
  const last = Array.isArray(axis) && axis.length === 1 ? axis[0] : axis;
  const isNone = Array.isArray(axis) && axis.length === 0;
  if (!isNone && last !== -1 && last !== rank - 1) throw at.refuse(`axis ${printable(axis)}`);
  if (at.config["invert"] === true) throw at.refuse("invert");
  const isGiven = (at.config["mean"] ?? null) !== null;
  const read = (key: string): number[] => (isGiven ? numbers(at, key, 0) : [...at.weight(key).data]);
  const [mean, variance] = [read("mean"), read("variance")];
  if (mean.length !== variance.length) throw at.refuse(`${mean.length} means and ${variance.length} variances`);
  const scale = variance.map((value) => 1 / Math.max(Math.sqrt(value), 1e-7));
  return scaled(
    at,
    scale,
    mean.map((value, k) => -value * scale[k]),
  );
}

/** Images at another size, whatever the relation of their sides. */
function importResizing(at: LayerStep): Value {
  at.checkRank(4);
  for (const key of ["crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias"]) {
    if (at.flag(key, false)) throw at.refuse(key);
  }
  const size = [at.number("height", 0), at.number("width", 0)];
  const mode = at.text("interpolation", "bilinear").toLowerCase();
  const x = at.planes();
  const [batch, channels, ...from] = at.shapeOf(x);
  const shape = [batch, channels, ...size];
  // TF.js lays the corners of images upon each other, Keras their edges.
  const alignCorners = at.state.dialect === "tfjs";
  if (mode === "bilinear") return at.asPlanes(at.op("upsample", x, null, { size, mode, alignCorners }), shape);
  if (mode !== "nearest" || alignCorners) throw at.refuse(`interpolation ${printable(mode)}`);
  const y = size.reduce<Argument>((ref, to, k) => {
    const count = from[k];
    if (typeof count !== "number") throw at.refuse("images of unknown size");
    if (count === to) return ref;
    const places = Array.from({ length: to }, (_, i) => Math.min(count - 1, Math.floor(((i + 0.5) * count) / to)));
    return at.op("gather", ref, places, 2 + k);
  }, x);
  return at.asPlanes(y, shape);
}

/** The middle of images. */
function importCenterCrop(at: LayerStep): Value {
  at.checkRank(4);
  const size = [at.number("height", 0), at.number("width", 0)];
  const x = at.planes();
  const from = at.shapeOf(x).slice(2);
  const y = size.reduce<Argument>((ref, to, k) => {
    const count = from[k];
    if (typeof count !== "number" || count < to) throw at.refuse(`${to} of ${printable(count)} rows or columns`);
    const start = Math.floor((count - to) / 2);
    return count === to ? ref : at.op("slice", ref, start, start + to, 2 + k);
  }, x);
  return at.asPlanes(y);
}

/** Layers that bring data into the range of a network. */
export const preprocessingRows: Readonly<Record<string, Row>> = {
  Rescaling: importRescaling,
  Normalization: importNormalization,
  ...{ Resizing: importResizing, CenterCrop: importCenterCrop },
};
