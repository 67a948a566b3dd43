import { FormatError } from "../../../errors.js";
import { SizeRef, ValueRef } from "../../../graph/argument.js";
import type { Graph } from "../../../graph/graph.js";
import type { OpenShape } from "../../../graph/node.js";
import type { GraphInput } from "../../../graph/parts.js";
import type { Sequential } from "../../../nn/sequential.js";
import { checkOptions } from "../../../options.js";
import { maxRank } from "../../../shape.js";
import type { DeclaredInput } from "../../foreign/arrays.js";
import { saidMeta } from "../../foreign/said-meta.js";
import type { ModelMeta } from "../../model-file/save-model.js";
import { printable } from "../../printable.js";
import { isOp } from "../file/attributes.js";
import { Codec } from "../file/codec.js";
import { inlineBranches } from "../file/inline-branches.js";
import { modelPart } from "../file/model-part.js";
import { type ElementType, elementTypes, isWholeType } from "../file/tensor-values.js";
import { declaredInputs } from "../graph/declared-inputs.js";
import { OnnxModel, type ReadOnnxOptions } from "../graph/onnx-model.js";
import { GraphBuilder } from "./graph-builder.js";
import { GraphImporter } from "./graph-importer.js";
import { ImportState } from "./import-step.js";
import { networkOf } from "./row-of-layers.js";
import { batchSize, isBatch, type Size } from "./shapes/open-shapes.js";
import { ValueShapes } from "./shapes/value-shapes.js";

/** Options of {@link importOnnx}. */
export interface ImportOnnxOptions extends ReadOnnxOptions {
  /**
   * The values that the network takes, by their names in the file: inputs of the model, or what nodes make, whose own
   * inputs are then left out.
   *
   * @defaultValue the inputs of the model; where `outputs` are given, those of them on which these depend
   */
  readonly inputs?: readonly string[];
  /** The values that the network gives, by their names in the file. @defaultValue the outputs of the model */
  readonly outputs?: readonly string[];
}

/** A network made of an ONNX model. */
export interface ImportedOnnx {
  /**
   * The network with the file's weights and statistics, in training mode as every new model: a `Sequential` with
   * `Residual`s in it where that is all that the file has, else a {@link Graph}. It takes the inputs in the order of
   * the file. It returns a tensor, or an object of tensors by the names of the outputs where there are several.
   */
  readonly model: Sequential | Graph;
  /** What the file says besides; `inputShape` too, where the input's sizes are known. */
  readonly meta: ModelMeta;
  /**
   * The ONNX node behind each layer of a `Sequential`, by its path, or behind each node of a {@link Graph}: its name,
   * or its output's.
   */
  readonly nodes: Readonly<Record<string, string>>;
}

/**
 * Imports an ONNX model as a network to train on: with its norms frozen (`freezeNorms`), recalibrated or converted. The
 * model may be any directed acyclic graph of the operators below, with several inputs and outputs. The batch stays
 * open.
 *
 * - Layers, where all inputs but the first are constant: convolutions, transposed ones, Gemm and MatMul (with a
 *   constant Add behind it), norms (BatchNormalization in inference form: its momentum weighs the old value, as here),
 *   activations, poolings, Flatten, Dropout, LSTM and GRU. Norms and activations are also found where several nodes
 *   compute them.
 * - Ops: arithmetic, functions, comparisons, reductions, products and Einsum, shapes and indices, Resize, losses.
 *   `docs/formats.md` lists all.
 *
 * `{ inputs, outputs }` name a part of the model: a backbone without its head, or a head alone.
 *
 * Initializers with axes become parameters; scalars and Constant nodes stay constants. Nodes that share all their
 * weights become one layer. Numbers become float32, also those of inputs that hold whole numbers, such as tokens; these
 * divide without remainder, as in ONNX.
 *
 * @param bytes - an .onnx file; not changed
 * @throws FormatError if it is no ONNX model, names are none of its values, or it has operators or attributes that no
 * layer or op here has, naming every such node
 * @throws MissingPackageError if onnx-buf or @bufbuild/protobuf is not installed
 * @example
 * ```ts
 * async function backboneOf(bytes: Uint8Array): Promise<Module> {
 *   const { model } = await importOnnx(bytes, { outputs: ["features"] });
 *   return model;
 * }
 * ```
 */
export async function importOnnx(bytes: Uint8Array, options: ImportOnnxOptions = {}): Promise<ImportedOnnx> {
  checkOptions("importOnnx(bytes)", options, {
    inputs: true,
    outputs: true,
    files: true,
    initializersAreConstant: true,
  });
  const called = "importOnnx(bytes)";
  const isPart = options.inputs !== undefined || options.outputs !== undefined;
  const onnx = await readModel(called, isPart ? await partOf(called, bytes, options) : bytes, options);
  const { main, proto, where } = onnx;
  const inputs = declaredInputs(onnx);
  const names = (proto.graph?.output ?? []).map(({ name }) => name);
  if (inputs.length === 0 || names.length === 0) {
    const received = `${inputs.length} and ${names.length}`;
    const cure = "Export the model with the values that it takes and returns.";
    throw new FormatError({ where, expected: "a model of at least one input and one output", received, cure });
  }
  const other = inputs.find(({ type }) => type === "unknown" || !Object.hasOwn(elementTypes, type));
  if (other !== undefined) {
    throw new FormatError({
      where,
      expected: "inputs that hold numbers",
      received: `${printable(other.name)} of ${other.type}`,
      cure: "Export the part of the model behind what reads it.",
    });
  }
  const deep = inputs.find(({ shape }) => shape.length > maxRank);
  if (deep !== undefined) {
    const received = `${printable(deep.name)} of ${deep.shape.length}`;
    throw new FormatError({
      where,
      expected: `inputs of at most ${maxRank} axes`,
      received,
      cure: "Export the model with some of them as one.",
    });
  }
  const shapes = new ValueShapes(main, declaredBatch(inputs));
  const state = new ImportState(main, shapes, new GraphBuilder(openShapes(inputs)));
  bindInputs(state, inputs);
  const values = new GraphImporter(state).outputs(names);
  const unmade = names.find((_, k) => !(values[k] instanceof ValueRef));
  if (unmade !== undefined) {
    const received = `${printable(unmade)}, which ${state.sizes.has(unmade) ? "holds sizes alone" : "is constant"}`;
    throw new FormatError({
      where,
      expected: "outputs that depend on inputs",
      received,
      cure: "Take out this output.",
    });
  }
  const output = names.length === 1 ? values[0] : Object.fromEntries(names.map((name, k) => [name, values[k]]));
  const { sources } = state.builder;
  const { inputs: open, ...others } = state.builder.parts(output);
  const parts = { ...others, inputs: shapes.isBatchFixed ? open.map((input) => withBatch(input, shapes)) : open };
  const { inputShape: whole, ...said } = saidMeta(proto.metadataProps.map(({ key, value }) => [key, parse(value)]));
  const [, ...sizes] = inputs[0].shape;
  // A part takes something else than the model of which the file speaks.
  const shapeSaid = whole === undefined || options.inputs !== undefined ? {} : { inputShape: whole };
  const isKnown = inputs.length === 1 && sizes.length > 0 && sizes.every((size) => Number(size) > 0);
  const meta = { ...(isKnown ? { inputShape: sizes.map(Number) } : shapeSaid), ...said };
  return { ...networkOf(parts, sources), meta };
}

/** So deep may Ifs stand in each other, or one condition depend on another. */
const mostRounds = 8;

/** Reads a model. Of Ifs whose conditions are known, such as those of sizes, only the branch that is taken is left. */
async function readModel(where: string, bytes: Uint8Array, options: ImportOnnxOptions): Promise<OnnxModel> {
  let left = bytes;
  for (let round = 0; ; round++) {
    const onnx = await OnnxModel.read(where, left, options);
    const inputs = declaredInputs(onnx);
    if (round === mostRounds || inputs.length === 0 || !onnx.main.nodes.some((node) => isOp(node, "If"))) return onnx;
    const state = new ImportState(
      onnx.main,
      new ValueShapes(onnx.main, declaredBatch(inputs)),
      new GraphBuilder(openShapes(inputs)),
    );
    bindInputs(state, inputs);
    const decided = new GraphImporter(state).conditions((onnx.proto.graph?.output ?? []).map(({ name }) => name));
    if (decided.size === 0) return OnnxModel.read(where, left, options);
    left = inlineBranches(onnx.codec, where, left, decided);
  }
}

/**
 * The part of a model that options name. Inputs whose shapes the file does not tell have those that the nodes before
 * them make.
 */
async function partOf(where: string, bytes: Uint8Array, options: ImportOnnxOptions): Promise<Uint8Array> {
  const codec = await Codec.load(where);
  const part = modelPart(codec, where, bytes, options);
  const untold = declaredInputs(await OnnxModel.read(where, part, options)).filter(({ shape }) => shape.length === 0);
  if (untold.length === 0) return part;
  try {
    const names = untold.map(({ name }) => name);
    const before = await OnnxModel.read(where, modelPart(codec, where, bytes, { outputs: names }), options);
    const declared = declaredInputs(before);
    const shapes = new ValueShapes(before.main, declaredBatch(declared));
    const state = new ImportState(before.main, shapes, new GraphBuilder(openShapes(declared)));
    bindInputs(state, declared);
    new GraphImporter(state).outputs(names);
    const known = names.flatMap((name) => {
      const shape = shapes.get(name);
      return shape === null
        ? []
        : [[name, shape.map((size) => (isBatch(size) ? "N" : typeof size === "number" ? size : null))] as const];
    });
    return modelPart(codec, where, bytes, options, new Map(known));
  } catch (refusal) {
    // What stands before the part need not be imported.
    if (refusal instanceof FormatError) return part;
    throw refusal;
  }
}

function bindInputs(state: ImportState, inputs: readonly DeclaredInput[]): void {
  for (const [k, { name, type }] of inputs.entries()) {
    state.bind(name, new ValueRef(k));
    if (isWholeType(type as ElementType)) state.whole.add(name);
  }
}

/** How many samples the first input declares; null where it leaves that open. */
function declaredBatch([{ shape }]: readonly DeclaredInput[]): number | null {
  return typeof shape[0] === "number" ? shape[0] : null;
}

/** An input for the declared number of samples alone. */
function withBatch({ shape }: GraphInput, { declaredBatch }: ValueShapes): GraphInput {
  return { shape: shape?.map((size) => (isBatch(size) ? declaredBatch : size)) ?? null };
}

/**
 * The shapes of inputs with the batch open: the first axis of the first, and of others that have the same size there.
 * Other sizes are those that the file has.
 */
function openShapes(inputs: readonly DeclaredInput[]): (OpenShape | null)[] {
  const [{ shape: first }] = inputs;
  return inputs.map(({ shape }, k) => {
    if (shape.length === 0) return null;
    return shape.map((size, axis): Size => {
      if (axis === 0 && size === first[0]) return batchSize;
      if (typeof size === "number") return size;
      return k === 0 ? new SizeRef(axis, 1) : null;
    });
  });
}

/** JSON, as {@link exportOnnx} writes it, or the text of another program. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
