import { FormatError } from "../../../errors.js";
import { SizeRef } from "../../../graph/argument.js";
import type { OpenShape } from "../../../graph/node.js";
import type { DeclaredInput } from "../../foreign/arrays.js";
import { batchSize, type Size } from "../../onnx/import/shapes/open-shapes.js";
import { printable } from "../../printable.js";
import type { Container } from "../model/container.js";
import { declaredInputs } from "../model/declared-inputs.js";
import type { TfjsModel } from "../model/tfjs-model.js";
import { channelsFirst } from "./value.js";

/** Types of inputs, whose numbers become float32. */
const numbers = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool"];

/** What a network of layers takes, in the order in which it is passed. */
export function networkInputs(model: TfjsModel): DeclaredInput[] {
  const { main } = model;
  if (main === null) return declaredInputs(model);
  return main.inputs.length > 0 ? main.inputs.map(([name]) => inputOf(main, name)) : declaredInputs(model).slice(0, 1);
}

/** An input layer of a Functional network. */
function inputOf(main: Container, name: string): DeclaredInput {
  const config = main.layers.get(name)?.config ?? {};
  const shape = config["batch_input_shape"] ?? config["batch_shape"];
  const dtype = config["dtype"];
  return {
    name,
    type: typeof dtype === "string" ? dtype : "float32",
    shape: Array.isArray(shape) ? shape.map((size: unknown) => (typeof size === "number" ? size : "?")) : [],
  };
}

/** @throws FormatError if there are no inputs, or one has no shape or holds no numbers */
export function checkInputs(where: string, declared: readonly DeclaredInput[]): void {
  const cure = "Export the model with the shapes of what it takes.";
  if (declared.length === 0)
    throw new FormatError({ where, expected: "a model of at least one input", received: "none", cure });
  for (const { name, type, shape } of declared) {
    if (shape.length === 0 || shape.some((size) => typeof size === "number" && size < 1)) {
      const received = shape.length === 0 ? "none" : shape.join("×");
      throw new FormatError({ where, expected: `a shape of the input ${printable(name)}`, received, cure });
    }
    if (numbers.includes(type)) continue;
    const expected = `numbers in the input ${printable(name)}`;
    throw new FormatError({
      where,
      expected,
      received: printable(type),
      cure: "Export the part of the model behind what reads it.",
    });
  }
}

/** An input: its sizes as the file has them, how it lies here, and its sizes here. */
export interface TakenInput {
  readonly shape: OpenShape;
  readonly order: "keras" | "first";
  readonly here: OpenShape;
}

/**
 * Inputs as they are taken here: images and volumes with their channels first, unless the file has them so already; all
 * else as in the file.
 *
 * @param keepsOrder - whether the file has channels first
 * @param keepsBatch - whether a batch that is declared stays fixed, since nodes may have its size in them
 */
export function takenInputs(
  declared: readonly DeclaredInput[],
  keepsOrder: boolean,
  keepsBatch: boolean,
): TakenInput[] {
  return declared.map(({ shape }, k) => {
    const order = shape.length > 3 && !keepsOrder ? "first" : "keras";
    const rank = shape.length;
    const sizes = shape.map((size, axis): Size => {
      if (axis === 0) return keepsBatch && typeof size === "number" ? size : batchSize;
      if (typeof size === "number") return size;
      const place = order === "keras" ? axis : axis === rank - 1 ? 1 : axis + 1;
      return k === 0 ? new SizeRef(place, 1) : null;
    });
    return { shape: sizes, order, here: order === "first" ? channelsFirst(sizes) : sizes };
  });
}

/** The names of a network's outputs: their layers', numbered where a layer gives several. */
export function outputNames({ outputs }: Container): string[] {
  const counts = new Map<string, number>();
  return outputs.map(([name]) => {
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    return count === 0 ? printable(name) : `${printable(name)}_${count}`;
  });
}
