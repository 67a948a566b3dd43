import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto } from "onnx-buf";
import { FormatError, MissingPackageError } from "../../../errors.js";
import { checkWire } from "./wire.js";

export type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from "onnx-buf";

type Protobuf = typeof import("@bufbuild/protobuf");
type Onnx = typeof import("onnx-buf");

/** Reads and writes ONNX messages, and makes new ones. Fields that the schema does not know are kept. */
export class Codec {
  readonly #protobuf: Protobuf;
  readonly #onnx: Onnx;

  private constructor(protobuf: Protobuf, onnx: Onnx) {
    this.#protobuf = protobuf;
    this.#onnx = onnx;
  }

  /** @throws MissingPackageError if onnx-buf or @bufbuild/protobuf is not installed */
  static async load(where: string): Promise<Codec> {
    const protobuf = await optional(where, "@bufbuild/protobuf", () => import("@bufbuild/protobuf"));
    return new Codec(protobuf, await optional(where, "onnx-buf", () => import("onnx-buf")));
  }

  /** @throws FormatError if the bytes are no ONNX model */
  read(where: string, bytes: Uint8Array): ModelProto {
    checkWire(where, bytes, this.#onnx.ModelProtoSchema);
    try {
      return this.#protobuf.fromBinary(this.#onnx.ModelProtoSchema, bytes);
    } catch (cause) {
      const received = cause instanceof Error ? cause.message : String(cause);
      const cure = "Check that the file is a complete .onnx file.";
      throw new FormatError({ where, expected: "an ONNX model", received, cure }, { cause });
    }
  }

  write(model: ModelProto): Uint8Array {
    return this.#protobuf.toBinary(this.#onnx.ModelProtoSchema, model);
  }

  /** A model that gives these values of its main graph as outputs, without the nodes that have no part in them. */
  onlyOutputs(where: string, bytes: Uint8Array, names: Iterable<string>): Uint8Array {
    const model = this.read(where, bytes);
    const { graph } = model;
    if (graph === undefined) return bytes;
    const wanted = new Set(names);
    graph.output = [...wanted].map((name) => this.#protobuf.create(this.#onnx.ValueInfoProtoSchema, { name }));
    const makers = new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
    const needed = new Set<NodeProto>();
    const waiting = [...wanted];
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const maker = makers.get(name);
      if (maker === undefined || needed.has(maker)) continue;
      needed.add(maker);
      waiting.push(...readBy(maker));
    }
    graph.node = graph.node.filter((node) => needed.has(node));
    // Before IR version 4 a runtime refuses stored values that nothing reads, unless they are inputs.
    const read = new Set([...graph.node.flatMap((node) => [...readBy(node)]), ...graph.input.map(({ name }) => name)]);
    graph.initializer = graph.initializer.filter(({ name }) => read.has(name));
    return this.write(model);
  }

  /**
   * A model that also gives these values of its main graph as outputs, none of which is one yet. Readers of Protocol
   * Buffers merge messages that follow one another, so nothing is read and written anew.
   */
  withOutputs(bytes: Uint8Array, names: readonly string[]): Uint8Array {
    const output = names.map((name) => ({ name }));
    const addition = this.write(this.#protobuf.create(this.#onnx.ModelProtoSchema, { graph: { output } }));
    const both = new Uint8Array(bytes.length + addition.length);
    both.set(bytes);
    both.set(addition, bytes.length);
    return both;
  }

  tensor(fields: MessageInitShape<Onnx["TensorProtoSchema"]>): TensorProto {
    return this.#protobuf.create(this.#onnx.TensorProtoSchema, fields);
  }

  entry(key: string, value: string): TensorProto["externalData"][number] {
    return this.#protobuf.create(this.#onnx.StringStringEntryProtoSchema, { key, value });
  }

  node(fields: MessageInitShape<Onnx["NodeProtoSchema"]>): NodeProto {
    return this.#protobuf.create(this.#onnx.NodeProtoSchema, fields);
  }

  attribute(fields: MessageInitShape<Onnx["AttributeProtoSchema"]>): NodeProto["attribute"][number] {
    return this.#protobuf.create(this.#onnx.AttributeProtoSchema, fields);
  }

  model(fields: MessageInitShape<Onnx["ModelProtoSchema"]>): ModelProto {
    return this.#protobuf.create(this.#onnx.ModelProtoSchema, fields);
  }

  /** A function's body as a graph: the same nodes, not copies. */
  functionBody({ name, input, output, node }: FunctionProto): GraphProto {
    const values = (names: readonly string[]): { name: string }[] => names.map((one) => ({ name: one }));
    return this.#protobuf.create(this.#onnx.GraphProtoSchema, {
      name,
      node,
      input: values(input),
      output: values(output),
    });
  }

  /** The type of a value: what its elements are, and its sizes; numbers, names, or null where a size is unknown. */
  valueInfo(name: string, elemType: number, sizes?: readonly (number | string | null)[]): GraphProto["input"][number] {
    const dim = sizes?.map((size) => ({ value: dimension(size) }));
    return this.#protobuf.create(this.#onnx.ValueInfoProtoSchema, {
      name,
      type: { value: { case: "tensorType", value: dim === undefined ? { elemType } : { elemType, shape: { dim } } } },
    });
  }
}

/** What a node reads, and the graphs inside it. */
export function* readBy({ input, attribute }: NodeProto): Iterable<string> {
  yield* input;
  for (const { g, graphs } of attribute) {
    for (const graph of [...(g === undefined ? [] : [g]), ...graphs]) {
      for (const { name } of graph.output) yield name;
      for (const node of graph.node) yield* readBy(node);
    }
  }
}

function dimension(size: number | string | null) {
  if (size === null) return { case: undefined };
  if (typeof size === "string") return { case: "dimParam", value: size } as const;
  return { case: "dimValue", value: BigInt(size) } as const;
}

async function optional<T>(where: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new MissingPackageError({ where, package: name, purpose: "to read and write ONNX" }, { cause });
  }
}
