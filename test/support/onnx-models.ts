import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Generator } from "evenkeel";
import { type AttributeProtoSchema, type GraphProtoSchema, ModelProtoSchema } from "onnx-buf";

/**
 * Attributes of a node: whole numbers, reals as { f }, texts and lists of whole numbers; tensors and graphs as they
 * are.
 */
export type Attributes = Readonly<
  Record<string, number | string | readonly number[] | readonly string[] | { f: number } | ConstantParts | GraphParts>
>;

/** A node: its operator, what it reads, what it makes. */
export type NodeParts = readonly [
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes?: Attributes,
  name?: string,
];

/** Constants: shape and values; without values, seeded normal deviates. */
export interface ConstantParts {
  readonly shape: readonly number[];
  readonly values?: readonly number[];
  readonly type?: ElementName;
}

type ElementName = "float32" | "float16" | "bfloat16" | "float64" | "int32" | "int64" | "bool";
const elementTypes = { float32: 1, float16: 10, bfloat16: 16, float64: 11, int32: 6, int64: 7, bool: 9 } as const;

/** What a graph is made of. */
export interface GraphParts {
  readonly nodes: readonly NodeParts[];
  readonly inputs?: Readonly<Record<string, readonly (number | string)[]>>;
  /** Of inputs and outputs that are not of the model's type. */
  readonly types?: Readonly<Record<string, ElementName>>;
  /** Names, or a shape by name. */
  readonly outputs: readonly string[];
  readonly constants?: Readonly<Record<string, ConstantParts>>;
}

/** What a model is made of. */
export interface ModelParts extends GraphParts {
  /** @defaultValue 15 */
  readonly opset?: number;
  /** @defaultValue 8 */
  readonly ir?: number;
  /** Constants that are listed among the inputs too. @defaultValue none, and all before IR version 4 */
  readonly listed?: readonly string[];
  /** Whether constants are initializers or Constant nodes. @defaultValue "initializer" */
  readonly constantsAs?: "initializer" | "node";
  /** @defaultValue "float32" */
  readonly type?: ElementName;
  /** Other fields of the model. */
  readonly more?: Omit<
    Exclude<MessageInitShape<typeof ModelProtoSchema>, { $typeName: string }>,
    "$typeName" | "$unknown"
  >;
}

/** Seeded normal deviates. */
export function deviates(length: number, seed = 1, mean = 0, deviation = 1): number[] {
  const random = new Generator(seed);
  return Array.from({ length }, () => random.normal(mean, deviation));
}

/** The four parameters of a batch norm of so many channels under the names `NAME.weight` to `NAME.variance`. */
export function normConstants(name: string, channels: number, seed = 5): Record<string, ConstantParts> {
  const shape = [channels];
  return {
    [`${name}.weight`]: { shape, values: deviates(channels, seed, 1, 0.3) },
    [`${name}.bias`]: { shape, values: deviates(channels, seed + 1) },
    [`${name}.mean`]: { shape, values: deviates(channels, seed + 2) },
    [`${name}.variance`]: { shape, values: deviates(channels, seed + 3).map((value) => value ** 2 + 0.1) },
  };
}

/** A batch norm that reads `x` and {@link normConstants}. */
export function normNode(name: string, x: string, y: string, attributes: Attributes = {}): NodeParts {
  const inputs = ["weight", "bias", "mean", "variance"].map((part) => `${name}.${part}`);
  return ["BatchNormalization", [x, ...inputs], [y], attributes];
}

/** The file of a model. */
export function onnxModel(parts: ModelParts): Uint8Array {
  const { opset = 15, ir = 8, more = {} } = parts;
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(ir),
    opsetImport: [{ domain: "", version: BigInt(opset) }],
    producerName: "test",
    graph: graphOf(parts, parts),
    ...more,
  });
  return toBinary(ModelProtoSchema, model);
}

function graphOf(parts: GraphParts, model: ModelParts): MessageInitShape<typeof GraphProtoSchema> {
  const { type = "float32", constantsAs = "initializer", ir = 8, listed = [] } = model;
  const { nodes, inputs = {}, outputs, constants = {}, types = {} } = parts;
  const typeOf = (name: string): number => elementTypes[types[name] ?? type];
  const tensors = Object.entries(constants).map(([name, constant], k) => tensorOf(name, constant, type, k));
  const asNodes = tensors.map((value) => ({
    opType: "Constant",
    output: [value.name],
    attribute: [{ name: "value", type: 4, t: value }],
  }));
  const isOld = ir < 4 && constantsAs === "initializer";
  return {
    name: "graph",
    input: [
      ...Object.entries(inputs).map(([name, shape]) => info(name, typeOf(name), shape)),
      ...tensors
        .filter(({ name }) => isOld || listed.includes(name))
        .map((value) => info(value.name, value.dataType, value.dims.map(Number))),
    ],
    output: outputs.map((name) => info(name, typeOf(name))),
    initializer: constantsAs === "initializer" ? tensors : [],
    node: [
      ...(constantsAs === "node" ? asNodes : []),
      ...nodes.map(([opType, input, output, attributes = {}, name = `${opType}_${output[0]}`]) => ({
        opType,
        name,
        input: [...input],
        output: [...output],
        attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value, model)),
      })),
    ],
  };
}

function attributeOf(
  name: string,
  value: Attributes[string],
  model: ModelParts,
): MessageInitShape<typeof AttributeProtoSchema> {
  if (typeof value === "number") return { name, type: 2, i: BigInt(value) };
  if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
  if ("f" in value) return { name, type: 1, f: value.f };
  if ("shape" in value) return { name, type: 4, t: tensorOf(name, value, "float32", 0) };
  if ("nodes" in value) return { name, type: 5, g: graphOf(value, model) };
  const encoder = new TextEncoder();
  const strings = value.filter((one) => typeof one === "string");
  if (strings.length > 0) return { name, type: 8, strings: strings.map((one) => encoder.encode(one)) };
  return { name, type: 7, ints: value.map(BigInt) };
}

function info(name: string, elemType: number, shape?: readonly (number | string)[]) {
  const dim = shape?.map((size) => ({
    value:
      typeof size === "string"
        ? ({ case: "dimParam", value: size } as const)
        : ({ case: "dimValue", value: BigInt(size) } as const),
  }));
  const value = dim === undefined ? { elemType } : { elemType, shape: { dim } };
  return { name, type: { value: { case: "tensorType" as const, value } } };
}

function tensorOf(name: string, { shape, values, type: own }: ConstantParts, type: ElementName, seed: number) {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const numbers = values ?? deviates(size, seed + 100, 0, 0.5);
  const kind = own ?? type;
  const dims = shape.map(BigInt);
  const base = { name, dims, dataType: elementTypes[kind] };
  if (kind === "float32") return { ...base, rawData: new Uint8Array(Float32Array.from(numbers).buffer) };
  if (kind === "int32" || kind === "bool") return { ...base, int32Data: [...numbers] };
  if (kind === "int64") return { ...base, int64Data: numbers.map(BigInt) };
  if (kind === "float64") return { ...base, doubleData: [...numbers] };
  return { ...base, int32Data: numbers.map((value) => (kind === "float16" ? halfBits(value) : bfloatBits(value))) };
}

/** Rounded by way of the bits of float32; for the sizes that tests use. */
function bfloatBits(value: number): number {
  return (new Uint32Array(Float32Array.of(value).buffer)[0] + 0x8000) >>> 16;
}

/** Truncated; for normal numbers. */
function halfBits(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0];
  const exponent = ((bits >>> 23) & 0xff) - 127;
  if (exponent < -14) return 0;
  return ((bits >>> 16) & 0x8000) | ((exponent + 15) << 10) | ((bits >>> 13) & 0x3ff);
}
