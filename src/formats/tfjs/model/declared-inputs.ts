import type { DeclaredInput } from "../../foreign/arrays.js";
import { printable } from "../../printable.js";
import type { Layer } from "./container.js";
import { graphNodes } from "./graph-norms.js";
import { isObject } from "./json.js";
import type { TfjsModel } from "./tfjs-model.js";

/**
 * The inputs that a model declares: of a graph model its placeholders, of a layers model by the names that TF.js gives
 * them; those that an Embedding reads hold whole numbers.
 */
export function declaredInputs(model: TfjsModel): DeclaredInput[] {
  const { main } = model;
  if (main === null) return placeholders(model);
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

/** TensorFlow's names of types. */
const types: Readonly<Record<string, string>> = {
  DT_FLOAT: "float32",
  DT_HALF: "float16",
  DT_INT32: "int32",
  DT_INT64: "int64",
  DT_BOOL: "bool",
  DT_STRING: "string",
};

function placeholders(model: TfjsModel): DeclaredInput[] {
  const inside = (value: unknown, key: string): unknown => (isObject(value) ? value[key] : undefined);
  return graphNodes(model).flatMap(({ op, name, place, attributes: { shape, dtype } }): DeclaredInput[] => {
    if (op !== "Placeholder" || place !== "") return [];
    const dims = inside(inside(shape, "shape"), "dim");
    const sizes = (Array.isArray(dims) ? dims : []).map((dim: unknown, axis) => {
      const size = Number(inside(dim, "size"));
      return size >= 0 ? size : axis === 0 ? "N" : "?";
    });
    return [{ name: printable(name), type: types[String(inside(dtype, "type"))] ?? "unknown", shape: sizes }];
  });
}
