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

/** Layers that bring data into the range of a network. */
export const preprocessingRows: Readonly<Record<string, Row>> = {
  Rescaling: importRescaling,
  Normalization: importNormalization,
};
