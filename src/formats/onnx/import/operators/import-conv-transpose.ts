import type { Argument } from "../../../../graph/argument.js";
import { ConvTranspose1d } from "../../../../nn/conv-transpose1d.js";
import { ConvTranspose2d } from "../../../../nn/conv-transpose2d.js";
import { volumeTranspose } from "../../../foreign/volume-transpose.js";
import { intOf, intsOf, textOf } from "../../file/attributes.js";
import type { ImportStep } from "../import-step.js";
import { withState } from "../imported-layer.js";
import { keyOf } from "./import-layers.js";
import { checkKernel, perAxis } from "./window-attributes.js";

/** The settings of a transposed convolution, one number for each spatial axis. */
interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly outputPadding: readonly number[];
}

/** What is left out at the two ends of an axis; where it is below 0 there is more. */
type Crop = readonly [before: number, after: number];

/** A transposed convolution; where its two sides differ, a layer without padding and slices behind it. */
export function importConvTransposeOf(at: ImportStep): Argument {
  const { node, graph } = at;
  const { shape, data } = at.values(1);
  const bias = at.has(2) ? at.values(2).data : null;
  const [inChannels, groupChannels, ...kernel] = shape;
  if (kernel.length < 1 || kernel.length > 3) throw at.refuse(`${kernel.length} spatial axes`);
  checkKernel(node, kernel);
  const all = (name: string, absent: number): number[] => perAxis(node, name, kernel, absent);
  const windows = {
    kernel,
    stride: all("strides", 1),
    dilation: all("dilations", 1),
    outputPadding: all("output_padding", 0),
  };
  const crops = cropsOf(at, windows);
  const padding = crops.map(([before, after]) => Math.max(0, Math.min(before, after)));
  const outputPadding = crops.map(([, after], axis) => windows.outputPadding[axis] + Math.max(0, -after));
  const groups = intOf(node, "group", 1);
  const one = (sizes: readonly number[]): number | readonly number[] => (kernel.length === 1 ? sizes[0] : sizes);
  const options = {
    ...{ stride: one(windows.stride), dilation: one(windows.dilation), padding: one(padding) },
    ...{ outputPadding: one(outputPadding), groups, bias: bias !== null },
  };
  const key = keyOf(node, graph, [...padding, ...outputPadding]);
  const ofSignalOrPlane = (): Argument =>
    at.layer(key, () => {
      const layer: ConvTranspose1d | ConvTranspose2d = Reflect.construct(
        kernel.length === 1 ? ConvTranspose1d : ConvTranspose2d,
        [inChannels, groupChannels * groups, one(kernel), options],
      );
      return withState(layer, { weight: data, ...(bias === null ? {} : { bias }) });
    });
  const ofVolume = (): Argument => {
    const sizes = at.shape(0) ?? [];
    at.sizes(0, typeof sizes[2] === "number" || sizes[0] === null ? [2, 3, 4] : [3, 4]);
    const operands = {
      x: at.input(0),
      sizes,
      shape,
      bias: at.has(2) ? at.input(2) : null,
      layer: (make: () => ConvTranspose2d, x: Argument) => at.layer(key, () => withState(make(), { weight: data }), x),
    };
    return volumeTranspose(at, operands, { ...windows, padding, outputPadding, groups });
  };
  const y = kernel.length === 3 ? ofVolume() : ofSignalOrPlane();
  return crops.reduce<Argument>((x, [before, after], axis) => {
    const [more, less] = [before - padding[axis], Math.max(0, after) - padding[axis]];
    return more === 0 && less === 0 ? x : at.op("slice", x, more, less === 0 ? undefined : -less, 2 + axis);
  }, y);
}

function cropsOf(at: ImportStep, { kernel, stride, dilation, outputPadding }: Windows): Crop[] {
  const { node } = at;
  const mode = textOf(node, "auto_pad", "NOTSET");
  const given = intsOf(node, "output_shape")?.slice(-kernel.length) ?? null;
  if (given === null && mode === "VALID") return kernel.map(() => [0, 0]);
  if (given === null && mode === "NOTSET") {
    const pads = perAxis(node, "pads", kernel, 0, 2);
    return kernel.map((_, axis) => [pads[axis], pads[kernel.length + axis]]);
  }
  if (!["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"].includes(mode)) throw at.refuse(`auto_pad ${mode}`);
  const from = at
    .sizes(
      0,
      kernel.map((_, axis) => 2 + axis),
    )
    .slice(2);
  return kernel.map((size, axis): Crop => {
    const whole = (from[axis] - 1) * stride[axis] + outputPadding[axis] + (size - 1) * dilation[axis] + 1;
    const total = whole - (given?.[axis] ?? from[axis] * stride[axis]);
    if (total < 0) return [0, total];
    const half = Math.floor(total / 2);
    return mode === "SAME_UPPER" ? [half, total - half] : [total - half, half];
  });
}
