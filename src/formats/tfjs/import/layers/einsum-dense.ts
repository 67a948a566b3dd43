import { Linear } from "../../../../nn/linear.js";
import { sizeOf } from "../../../../shape.js";
import { withState } from "../../../onnx/import/imported-layer.js";
import { printable } from "../../../printable.js";
import type { LayerStep } from "../layer-step.js";
import { rearranged } from "../rearranged.js";
import type { Value } from "../value.js";
import { activated } from "./activations.js";
import type { Row } from "./row.js";

/** What an equation says: `abc,cde->abde` sums over c, and puts d and e behind a and b. */
interface Equation {
  /** How many axes are summed over, the last of the input. */
  readonly summed: number;
  /** The letters behind those that stay. */
  readonly made: string;
  /** The axes of the kernel in the order: those summed over, as the input has them, then those that are made. */
  readonly kernelAxes: readonly number[];
}

function parsed(at: LayerStep): Equation {
  const equation = at.text("equation", "").replaceAll(" ", "");
  const refusal = at.refuse(`the equation ${printable(equation)}`);
  const match = /^((?:\.\.\.)?[A-Za-z]*),([A-Za-z]+)->((?:\.\.\.)?[A-Za-z]*)$/.exec(equation);
  if (match === null) throw refusal;
  const [, input, kernel, output] = match;
  let stays = 0;
  while (stays < input.length && input[stays] === output[stays]) stays++;
  const [summed, made] = [input.slice(stays), output.slice(stays)];
  const all = summed + made;
  const isProduct = all.length === kernel.length && [...all].every((letter) => kernel.includes(letter));
  if (stays === 0 || summed === "" || made === "" || !isProduct || new Set(all).size !== all.length) throw refusal;
  return { summed: summed.length, made, kernelAxes: [...all].map((letter) => kernel.indexOf(letter)) };
}

/** A Linear over the last axes, flattened before and put in their shape behind it. */
function importEinsumDense(at: LayerStep): Value {
  const { x } = at;
  const { summed, made, kernelAxes } = parsed(at);
  const kernel = at.weight("kernel");
  const stays = x.shape.slice(0, x.shape.length - summed);
  if (kernel.shape.length !== kernelAxes.length || stays.length === 0)
    throw at.refuse(`a kernel of the shape ${kernel.shape.join("×")}`);
  const { shape, data } = rearranged(kernel, kernelAxes);
  const [from, to] = [shape.slice(0, summed), shape.slice(summed)];
  const [inputs, outputs] = [sizeOf(from), sizeOf(to)];
  if (x.shape.slice(stays.length).some((size, k) => typeof size === "number" && size !== from[k]))
    throw at.refuse(
      `an input of ${printable(x.shape.slice(stays.length))} features with weights for ${printable(from)}`,
    );
  const bias = biasOf(at, made, to);
  const make = (): Linear => {
    const weight = rearranged({ shape: [inputs, outputs], data }, [1, 0]).data;
    return withState(new Linear(inputs, outputs, { bias: bias !== null }), { weight, ...(bias && { bias }) });
  };
  const rows = summed === 1 ? at.keras(x) : at.reshape(at.keras(x), [...stays, inputs]);
  const y = at.module(make, rows);
  const sizes = [...stays, ...to];
  return activated(at, at.plain(to.length === 1 ? y : at.reshape(y, sizes), sizes));
}

/** The bias of every output; that of the file may be shared along axes. */
function biasOf(at: LayerStep, made: string, sizes: readonly number[]): Float64Array | null {
  const axes = at.config["bias_axes"] ?? null;
  if (axes === null) return null;
  const isOfMade = typeof axes === "string" && axes !== "" && [...axes].every((letter) => made.includes(letter));
  if (!isOfMade) throw at.refuse(`bias_axes ${printable(axes)}`);
  const { data } = at.weight("bias");
  const own = [...made].map((letter, k) => (axes.includes(letter) ? sizes[k] : 1));
  if (sizeOf(own) !== data.length) throw at.refuse(`a bias of ${data.length} values`);
  return Float64Array.from({ length: sizeOf(sizes) }, (_, i) => {
    let [place, rest, stride] = [0, i, 1];
    for (let k = sizes.length - 1; k >= 0; k--) {
      if (own[k] > 1) place += (rest % sizes[k]) * stride;
      stride *= own[k];
      rest = Math.floor(rest / sizes[k]);
    }
    return data[place];
  });
}

/** Products with a kernel over several axes. */
export const einsumRows: Readonly<Record<string, Row>> = { EinsumDense: importEinsumDense };
