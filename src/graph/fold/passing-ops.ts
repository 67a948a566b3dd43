import { isRandomDrop } from "../../nn/dropout.js";
import { Identity } from "../../nn/identity.js";
import type { ChannelMap } from "../../nn/layer-traits.js";
import type { AnyModule } from "../../nn/module.js";
import type { AvgPoolOptions } from "../../ops/pool.js";
import { SizeRef } from "../argument.js";
import type { OpenShape } from "../node.js";

/** An op between a norm and what may take it. */
interface Passage {
  readonly map: ChannelMap;
  /** What follows x. */
  readonly settings: readonly unknown[];
  /** Of x, and of what the op gives; null where they are not known. */
  readonly input: OpenShape | null;
  readonly output: OpenShape | null;
}

/**
 * How a map gets to the other side of an op: as it is, or with the channels of its flattened planes; null where it does
 * not.
 */
type Passed = "whole" | "flattened" | null;

const whole = (): Passed => "whole";

/**
 * The ops with f(s·x + t) = s·f(x) + t for each channel; those that are not here, such as relu, add and concat, pass
 * nothing.
 */
const passingOps: Readonly<Record<string, (passage: Passage) => Passed>> = {
  detach: whole,
  // Weights of a mean add up to 1.
  upsample: whole,
  pad: ({ settings: [widths, options], input }) => {
    const isInner = input !== null && (widths as readonly unknown[]).length <= input.length - 2;
    return isInner && !isConstantPad(options) ? "whole" : null;
  },
  ...{ avgPool1d: averaged, avgPool2d: averaged, avgPool3d: averaged, globalAvgPool2d: whole },
  ...{ adaptiveAvgPool1d: whole, adaptiveAvgPool2d: whole, adaptiveAvgPool3d: whole },
  ...{ maxPool1d: rising, maxPool2d: rising, maxPool3d: rising, globalMaxPool2d: rising },
  mean: ({ settings: [axes], input }) => {
    const isInner = (axis: unknown): boolean =>
      typeof axis === "number" && (axis >= 2 || (axis < 0 && input !== null && axis + input.length >= 2));
    return axes !== undefined && axes !== null && [axes].flat().every(isInner) ? "whole" : null;
  },
  flatten: ({ settings: [start], ...passage }) => (start === 1 ? "flattened" : reshaped(passage)),
  reshape: reshaped,
};

/** Zeros that count would have to be mapped too. */
function averaged({ settings: [, options] }: Passage): Passed {
  const { countIncludePad = false, padding = 0 } = (options ?? {}) as AvgPoolOptions;
  return countIncludePad && padding !== 0 ? null : "whole";
}

/** The largest value stays the largest where the map rises. */
function rising({ map }: Passage): Passed {
  return map.scale.every((value) => value >= 0) ? "whole" : null;
}

/** Whether a pad adds a number, which a map would change; others repeat values. */
function isConstantPad(options: unknown): boolean {
  const { mode = "constant" } = (options ?? {}) as { readonly mode?: string };
  return mode === "constant";
}

/** Samples must stay apart; channels stay in axis 1, or are found again by their number in (N, features). */
function reshaped({ input, output }: Pick<Passage, "input" | "output">): Passed {
  if (input === null || output === null || input.length < 2) return null;
  if (!sameSize(input[0], output[0])) return null;
  if (sameSize(input[1], output[1])) return "whole";
  return output.length === 2 ? "flattened" : null;
}

function sameSize(a: OpenShape[number] | undefined, b: OpenShape[number] | undefined): boolean {
  if (a instanceof SizeRef && b instanceof SizeRef) return a.axis === b.axis && a.factor === b.factor;
  return typeof a === "number" && a === b;
}

/** How a map passes an op. */
export function passOp(name: string, passage: Passage): Passed {
  return Object.hasOwn(passingOps, name) ? passingOps[name](passage) : null;
}

/** How a map passes a layer, by the op that it is. */
export function passLayer(layer: AnyModule, shapes: Omit<Passage, "settings">): Passed {
  if (layer.hooked) return null;
  if (layer.is(Identity)) return "whole";
  if (isRandomDrop(layer)) return layer.training && layer.p > 0 ? null : "whole";
  const [name, ...settings] = layer.asOp() ?? [""];
  return passOp(name, { ...shapes, settings });
}
