import { ArgumentError } from "../../../errors.js";
import type { SizeRef } from "../../../graph/argument.js";
import type { AnyModule } from "../../../nn/module.js";
import { type Shape, sameShape } from "../../../shape.js";
import type { Tensor } from "../../../tensor.js";
import { version } from "../../../version.js";
import { FileWriter } from "../../foreign/file-writer.js";
import type { AttributeProto, Codec, ModelProto, NodeProto, TensorProto, ValueInfoProto } from "../file/codec.js";
import { elementTypes, packValues } from "../file/tensor-values.js";

/** Sizes of a value that is being written. The batch, axis 0, has any size: `"N"`. */
export type OnnxShape = readonly (number | string)[];

/** What is written holds reals, whole numbers or booleans. */
export type OnnxType = "float32" | "int64" | "bool";

/** A value in a graph that is being written. */
export interface OnnxValue {
  /** What nodes call it. */
  readonly name: string;
  /** Its sizes, outermost first. */
  readonly shape: OnnxShape;
  /** What its elements are. */
  readonly type: OnnxType;
}

/** An attribute that is a real number, where a number by itself is a whole one. */
export interface OnnxReal {
  /** The number, rounded to float32. */
  readonly float: number;
}

/** Attributes of a node: whole numbers, lists of them, reals, and texts. */
export type OnnxAttributes = Readonly<Record<string, number | readonly number[] | OnnxReal | string>>;

/** Writes a module whose input is `x`; returns its output. */
type WriteModule = (module: AnyModule, x: OnnxValue, graph: OnnxWriter) => OnnxValue;

/**
 * An ONNX graph in the making. Names of nodes and constants begin with the path of the module that is being written.
 */
export class OnnxWriter extends FileWriter<OnnxValue> {
  /** The version of ONNX's own operators. */
  readonly opset: number;
  readonly #codec: Codec;
  readonly #write: WriteModule;
  readonly #nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  readonly #values = new Map<string, OnnxValue>();
  readonly #parameters = new Map<Tensor, OnnxValue>();
  readonly #forms = new Map<OnnxValue, OnnxValue[]>();
  #inputs: readonly OnnxValue[] = [];

  /** @internal */
  constructor(codec: Codec, opset: number, write: WriteModule) {
    super();
    this.#codec = codec;
    this.opset = opset;
    this.#write = write;
    for (const name of ["input", "output"]) this.names.add(name);
  }

  protected override write(module: AnyModule, x: OnnxValue): OnnxValue {
    return this.#write(module, x, this);
  }

  /** @internal A tensor of the network as a constant. */
  override tensor(key: string, t: Tensor): OnnxValue {
    return this.parameter(key, t);
  }

  /** @internal The transpose of a matrix; a parameter's is a constant. */
  transposed(matrix: OnnxValue): OnnxValue {
    const [rows, columns] = matrix.shape.map(Number);
    const source = this.#numbersOf(matrix);
    if (source === null) return this.node("Transpose", [matrix], { perm: [1, 0] }, { shape: [columns, rows] });
    const values = source.map((_, i) => source[(i % rows) * columns + Math.floor(i / rows)]);
    return this.#remade(matrix, [columns, rows], values);
  }

  /** @internal A value in another shape of known sizes; a parameter's is a constant. */
  reshaped(value: OnnxValue, shape: Shape): OnnxValue {
    const source = this.#numbersOf(value);
    if (source !== null) return this.#remade(value, shape, source);
    return this.node("Reshape", [value, this.constant("shape", [shape.length], shape, "int64")], {}, { shape });
  }

  /** The numbers of a parameter; null of other values. */
  #numbersOf(value: OnnxValue): Float32Array | null {
    return [...this.#parameters].find(([, own]) => own === value)?.[0].dataSync() ?? null;
  }

  /** A parameter in another form, the same wherever it is needed again. */
  #remade(parameter: OnnxValue, shape: Shape, values: Float32Array): OnnxValue {
    const known = this.#forms.get(parameter)?.find((form) => sameShape(form.shape.map(Number), shape));
    if (known !== undefined) return known;
    const form = this.constant("weight", shape, values);
    this.#forms.set(parameter, [...(this.#forms.get(parameter) ?? []), form]);
    return form;
  }

  /**
   * @internal Sizes as a list of whole numbers; those that grow with the first input are computed from its shape when
   * the model runs.
   */
  sizes(key: string, sizes: readonly (number | SizeRef)[]): OnnxValue {
    const fixed = sizes.filter((size): size is number => typeof size === "number");
    if (fixed.length === sizes.length) return this.constant(key, [sizes.length], fixed, "int64");
    const parts = sizes.map((size) => {
      if (typeof size === "number") return this.constant(key, [1], [size], "int64");
      const shape = this.node("Shape", [this.#inputs[0]], {}, { shape: [this.#inputs[0].shape.length], type: "int64" });
      const axis = this.constant("axis", [1], [size.axis], "int64");
      const one = this.node("Gather", [shape, axis], { axis: 0 }, { shape: [1], type: "int64" });
      return size.factor === 1 ? one : this.node("Mul", [one, this.constant("factor", [1], [size.factor], "int64")]);
    });
    return this.node("Concat", parts, { axis: 0 }, { shape: [sizes.length], type: "int64" });
  }

  /**
   * Adds a node of one of ONNX's own operators, of which one output is used.
   *
   * @param output - its shape and type, where they are not those of the first input, and its place among the outputs,
   * the first by default
   */
  node(
    opType: string,
    inputs: readonly OnnxValue[],
    attributes: OnnxAttributes = {},
    {
      shape = inputs[0].shape,
      type = inputs[0].type,
      place = 0,
    }: { readonly shape?: OnnxShape; readonly type?: OnnxType; readonly place?: number } = {},
  ): OnnxValue {
    const base = this.path === "" ? opType : `${this.path}/${opType}`;
    const name = this.fresh(base);
    const input = inputs.map((value) => value.name);
    const output = [...Array.from({ length: place }, () => this.fresh(`${base}_unused`)), name];
    const attribute = Object.entries(attributes).map(([key, value]) => this.#attribute(key, value));
    this.#nodes.push(this.#codec.node({ opType, name, input, output, attribute }));
    const value = { name, shape, type };
    this.#values.set(name, value);
    return value;
  }

  /** A parameter or buffer of the module that is being written; one that is there already is used again. */
  parameter(key: string, t: Tensor): OnnxValue {
    const known = this.#parameters.get(t);
    if (known !== undefined) return known;
    const value = this.constant(key, t.shape, t.dataSync());
    this.#parameters.set(t, value);
    return value;
  }

  /** Numbers that are fixed. @throws ArgumentError if one is beyond float32 */
  constant(key: string, shape: Shape, values: ArrayLike<number>, type: OnnxType = "float32"): OnnxValue {
    const name = this.fresh(this.pathOf(key));
    const rawData = packValues({ type, shape, data: Float64Array.from(values) });
    if (rawData === null) {
      const expected = `numbers within float32 for ${name}`;
      throw new ArgumentError({ where: "exportOnnx(model)", expected, received: "larger ones", cure: "Scale them." });
    }
    const dims = shape.map(BigInt);
    this.#initializers.push(this.#codec.tensor({ name, dims, dataType: elementTypes[type], rawData }));
    return { name, shape, type };
  }

  /** @internal Stands where a node leaves an input out. */
  absent(): OnnxValue {
    return { name: "", shape: [], type: "float32" };
  }

  #attribute(name: string, value: OnnxAttributes[string]): AttributeProto {
    if (typeof value === "number") return this.#codec.attribute({ name, type: 2, i: BigInt(value) });
    if (typeof value === "string") {
      return this.#codec.attribute({ name, type: 3, s: new TextEncoder().encode(value) });
    }
    if ("float" in value) return this.#codec.attribute({ name, type: 1, f: value.float });
    return this.#codec.attribute({ name, type: 7, ints: value.map(BigInt) });
  }

  /**
   * @internal The whole file of a network; entries of `meta` are JSON there.
   *
   * @param title - what the graph is called
   * @param write - writes the nodes; returns the outputs by their names
   */
  model(
    title: string,
    inputs: readonly OnnxValue[],
    write: () => readonly (readonly [name: string, value: OnnxValue])[],
    meta: Readonly<Record<string, unknown>>,
  ): ModelProto {
    this.#inputs = inputs;
    for (const { name } of inputs) this.names.add(name);
    const names = new Map<string, string>();
    const outputs = write().map(([name, made]) => {
      // An input, a constant, or what is an output already needs a node to become one.
      const last = this.#values.has(made.name) ? made : this.node("Identity", [made]);
      this.#values.delete(last.name);
      names.set(last.name, this.#freshOutput(name));
      return { ...last, name: names.get(last.name) ?? name };
    });
    const rename = (name: string): string => names.get(name) ?? name;
    for (const node of this.#nodes) {
      node.input = node.input.map(rename);
      node.output = node.output.map(rename);
    }
    const taken = new Set(this.#nodes.flatMap(({ input }) => input));
    return this.#codec.model({
      irVersion: irVersionOf(this.opset),
      opsetImport: [{ domain: "", version: BigInt(this.opset) }],
      producerName: "evenkeel",
      producerVersion: version,
      graph: {
        name: title,
        node: this.#nodes,
        // What another constant was made of may have no reader itself.
        initializer: this.#initializers.filter(({ name }) => taken.has(name)),
        input: inputs.map((input) => this.#info(input)),
        output: outputs.map((output) => this.#info(output)),
        valueInfo: [...this.#values.values()].map((value) => this.#info(value)),
      },
      metadataProps: Object.entries(meta)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => ({ key, value: JSON.stringify(value) })),
    });
  }

  /** The names of outputs are kept free from the start. */
  #freshOutput(name: string): string {
    return name === "output" ? name : this.fresh(name);
  }

  #info({ name, shape, type }: OnnxValue): ValueInfoProto {
    return this.#codec.valueInfo(name, elementTypes[type], shape);
  }
}

/** The version of the file format that came with a version of the operators. */
function irVersionOf(opset: number): bigint {
  if (opset < 15) return 7n;
  if (opset < 19) return 8n;
  return opset < 21 ? 9n : 10n;
}
