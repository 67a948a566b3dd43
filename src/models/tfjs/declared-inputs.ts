import type { DeclaredInput } from "../foreign/arrays.js";
import type { Layer } from "./container.js";
import type { TfjsModel } from "./tfjs-model.js";

/** The inputs that a layers model declares, by the names that TF.js gives them; those that an Embedding reads hold whole numbers. */
export function declaredInputs({ main }: TfjsModel): DeclaredInput[] {
  if (main === null) return [];
  const layers = [...main.layers.values()];
  const own = layers.filter(({ className }) => className === "InputLayer");
  if (own.length > 0) {
    return own.map((layer) => describe(layer, layer.name, main.readersOf(layer)));
  }
  // The first layer of a Sequential says it, and TF.js puts an input before it.
  const [first] = layers;
  return first === undefined ? [] : [describe(first, `${first.name}_input`, [first])];
}

function describe({ config }: Layer, name: string, readers: readonly Layer[]): DeclaredInput {
  const shape = config["batch_input_shape"] ?? config["batch_shape"];
  const isIndex = readers.some(({ className }) => className === "Embedding");
  const dtype = config["dtype"] ?? config["input_dtype"];
  return {
    name,
    type: isIndex ? "int32" : typeof dtype === "string" ? dtype : "float32",
    shape: Array.isArray(shape)
      ? shape.map((size: unknown, axis) => (typeof size === "number" ? size : axis === 0 ? "N" : "?"))
      : [],
  };
}
