import { FormatError } from "../../../errors.js";
import { FileBudget, work } from "../../file-budget.js";
import { printable } from "../../printable.js";
import { isStandard } from "../file/attributes.js";
import { Codec, type ModelProto } from "../file/codec.js";
import type { ExternalFiles } from "../file/tensor-values.js";
import { OnnxGraph } from "./graph.js";

/** How an .onnx file is read. */
export interface ReadOnnxOptions {
  /** Files in which the model keeps tensors outside itself, by the name it gives them. @defaultValue none */
  readonly files?: ExternalFiles;
  /**
   * Takes initializers for constants though the file lists them among its inputs, so that whoever runs it may replace
   * them, as PyTorch 1.2 and many converters write it.
   *
   * @defaultValue false
   */
  readonly initializersAreConstant?: boolean;
}

/** An ONNX model in memory, a copy that may be edited: the bytes it was read from never change. */
export class OnnxModel {
  /** What messages name as their place. */
  readonly where: string;
  readonly codec: Codec;
  readonly proto: ModelProto;
  /** The version of ONNX's own operators. */
  readonly opset: number;
  readonly files: ExternalFiles;
  readonly main: OnnxGraph;
  /** The bodies of functions that the model brings, to be looked at but not edited. */
  readonly functions: readonly OnnxGraph[];
  /** Whether initializers that are listed among the inputs are constants all the same. */
  readonly initializersAreConstant: boolean;
  readonly #bytes: Uint8Array;
  #names: Set<string> | null = null;
  /** How often each base of a fresh name was tried. */
  readonly #tried = new Map<string, number>();
  readonly #budget: FileBudget;

  private constructor(
    where: string,
    codec: Codec,
    bytes: Uint8Array,
    { files = {}, initializersAreConstant = false }: ReadOnnxOptions,
  ) {
    this.where = where;
    this.initializersAreConstant = initializersAreConstant;
    this.codec = codec;
    this.files = files;
    this.#bytes = bytes;
    const size = Object.values(files).reduce((sum, file) => sum + file.length, bytes.length);
    this.#budget = new FileBudget(where, size);
    this.proto = codec.read(where, bytes);
    const { graph, opsetImport } = this.proto;
    // As onnxruntime: the last, where there are several.
    const own = opsetImport.findLast(({ domain }) => domain === "" || domain === "ai.onnx");
    this.opset = Number(own?.version ?? 1n);
    if (graph === undefined) {
      const cure = "Check that the file is a complete .onnx file.";
      throw new FormatError({ where, expected: "an ONNX model", received: "one without a graph", cure });
    }
    const isUnversioned = own === undefined && this.proto.irVersion > 2n && graph.node.some(isStandard);
    if (isUnversioned || this.opset < 1) {
      throw new FormatError({
        where,
        expected: "a version of ONNX's own operators (opset_import)",
        received: own === undefined ? "none" : String(this.opset),
        cure: "Export the model again: what its nodes mean depends on it.",
      });
    }
    this.main = new OnnxGraph(this, graph, null, "");
    this.functions = this.proto.functions.map((one) => {
      return new OnnxGraph(this, codec.functionBody(one), null, `${printable(one.name)}/`);
    });
  }

  /**
   * Reads a model.
   *
   * @throws FormatError if it is none, or its graph makes no sense
   * @throws MissingPackageError if onnx-buf is not installed
   */
  static async read(where: string, bytes: Uint8Array, options: ReadOnnxOptions = {}): Promise<OnnxModel> {
    return new OnnxModel(where, await Codec.load(where), bytes, options);
  }

  /** Every graph, the main one first, each before those inside it. */
  *graphs(): Iterable<OnnxGraph> {
    const waiting = [this.main];
    for (let graph = waiting.pop(); graph !== undefined; graph = waiting.pop()) {
      yield graph;
      for (const inner of graph.subgraphs.toReversed()) waiting.push(inner);
    }
  }

  /**
   * Counts numbers that are read or made, or work that takes as long.
   *
   * @throws FormatError where a file asks for far more than its size tells, such as by constants that thousands of
   * nodes share
   */
  spend(numbers: number): void {
    this.#budget.spend("work", numbers);
  }

  /**
   * Counts values of constants that are about to be computed.
   *
   * @returns false where they are far more than the file's size tells
   */
  compute(values: number): boolean {
    if (!(values <= this.#budget.left("computed"))) return false;
    this.#budget.spend("computed", values);
    this.#budget.grant("work", work.computedValue * values);
    return true;
  }

  /** A name that nothing has yet, beginning with `base`. */
  freshName(base: string): string {
    this.#names ??= new Set([...this.graphs()].flatMap((graph) => [...graph.names()]));
    let name = base;
    let tried = this.#tried.get(base) ?? 0;
    while (this.#names.has(name)) name = `${base}_${++tried}`;
    this.#tried.set(base, tried);
    this.#names.add(name);
    return name;
  }

  /** The file, with the edits: a copy of the bytes it was read from if there were none. */
  write(isEdited: boolean): Uint8Array {
    if (!isEdited) return this.#bytes.slice();
    this.main.commit();
    return this.codec.write(this.proto);
  }
}
