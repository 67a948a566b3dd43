import { zeros } from "../../create.js";
import { ArgumentError } from "../../errors.js";
import {
  type Argument,
  ConstantRef,
  leavesOf,
  mapTree,
  partAt,
  SizeRef,
  StateRef,
  ValueRef,
  valuesIn,
} from "../../graph/argument.js";
import { foldBatchNorm } from "../../graph/fold/fold-batch-norm.js";
import { Graph } from "../../graph/graph.js";
import { isLayer } from "../../graph/is-layer.js";
import { formatOpenShape, isLayerNode, type NetworkNode, type OpenShape, type OpNode } from "../../graph/node.js";
import { type GraphParts, stateOf } from "../../graph/parts.js";
import { structuralParts } from "../../graph/trace/structure.js";
import { tracedParts } from "../../graph/trace/trace.js";
import { isRandomDrop } from "../../nn/dropout.js";
import { Identity } from "../../nn/identity.js";
import type { AnyModule } from "../../nn/module.js";
import { joinPath } from "../../nn/paths.js";
import { Reparametrized } from "../../nn/reparametrized/reparametrized.js";
import type { Pair, Triple } from "../../ops/windows.js";
import { scope } from "../../scope.js";
import { checkShape, type Shape } from "../../shape.js";
import { Tensor } from "../../tensor.js";
import type { OpFunction } from "../../tracing.js";
import type { FileWriter } from "./file-writer.js";
import { type BatchShape, shapeAfter, unheard } from "./shape-after.js";

/** A class of layers, whatever its constructor takes. */
export type WritableClass<M> = abstract new (...given: never[]) => M;

/** Writes layers of one class, and of subclasses that add nothing but a constructor, into a graph of another system. */
export interface LayerWriter<Value, Graph> {
  readonly layerClass: WritableClass<AnyModule>;
  write(layer: AnyModule, x: Value, graph: Graph): Value;
}

/** An op as it stands in a graph: settings as they were written, values where tensors stood. */
export interface WrittenOp {
  readonly args: readonly unknown[];
  /** The shape of what it gives, the batch first, with names for sizes that grow; null where nobody has run it. */
  readonly shape: BatchShape | null;
}

/** Windows of a convolution as ops take them. */
export interface WrittenWindows {
  readonly stride?: Pair | Triple;
  /** In any form that the op takes. */
  readonly padding?: unknown;
  readonly outputPadding?: Pair;
  readonly dilation?: Pair | Triple;
  readonly groups?: number;
}

/** An op that says itself what it is in a format, by the method of this name. */
type TranslatedOp = OpFunction & Readonly<Record<string, unknown>>;

/** Writes an op. */
export type OpWriter<Graph, Value> = (op: WrittenOp, graph: Graph) => Value;

/** The writer of a class. */
export function writerOf<M extends AnyModule, Value, Graph>(
  layerClass: WritableClass<M>,
  write: (module: M, x: Value, graph: Graph) => Value,
): LayerWriter<Value, Graph> {
  return { layerClass, write: (module, x, graph) => write(module as M, x, graph) };
}

/** What stands in a file that is being written. */
interface ForeignValue {
  readonly name: string;
  readonly shape: readonly unknown[];
}

/** What writing needs to know of a format. */
export interface LayerFormat<Value, Graph> {
  /** The function that exports: `exportOnnx`. */
  readonly name: string;
  /** The method of a class of one's own that says what it is: `toOnnx`. */
  readonly method: string;
  /** What that method adds, by the graph's method of this name: `node`. */
  readonly adds: string;
  /** The shape of a value, the batch first. */
  batchShape(x: Value): BatchShape;
  /** Writers of layers that are no op; those that are x itself in evaluation need none. */
  readonly layers: readonly LayerWriter<Value, Graph>[];
  /** Writers of ops, by their names; a layer that is an op is written by its op's. */
  readonly ops: Readonly<Record<string, OpWriter<Graph, Value>>>;
  /** Whether what is made of parameters and constants alone is computed when the file is written. */
  readonly computesConstants: boolean;
}

/** What a format can do with networks. */
export interface NetworkWriter<Value, Graph> {
  /** The graph of a network, in which modules that say themselves what they are stay whole. */
  partsOf(model: AnyModule, examples: () => readonly Tensor[]): GraphParts;
  /** Writes the nodes of a graph; returns its output: values, or arrays and objects of them. */
  writeParts(parts: GraphParts, inputs: readonly Value[], graph: Graph): unknown;
  /** Writes any module of one input and one output. */
  write(module: AnyModule, x: Value, graph: Graph): Value;
}

/** Whether an input goes into embeddings alone, which take whole numbers. */
export function takesIndices({ nodes }: GraphParts, input: number): boolean {
  const takers = nodes.filter(({ args }) => valuesIn(args).includes(input));
  const opOf = (node: NetworkNode): string | undefined => (isLayerNode(node) ? node.layer.asOp()?.[0] : node.op);
  return takers.length > 0 && takers.every((node) => opOf(node) === "embedding");
}

/**
 * Sizes of a sample of each input: as given, or as a graph was traced with.
 *
 * @throws ShapeError if there are none, or they are no sizes
 * @throws ArgumentError if a graph has several inputs and one shape is given, or none and sizes of its input vary
 */
export function inputShapes(where: string, model: AnyModule, given: Shape | undefined): readonly Shape[] {
  const traced = model instanceof Graph ? model.inputs.map(({ shape }) => shape) : [null];
  if (given !== undefined && traced.length > 1) {
    throw new ArgumentError({
      where,
      expected: `the shapes of ${traced.length} inputs, which a traced graph knows`,
      received: "one inputShape",
      cure: "Leave it out; trace the graph with example inputs first if it came from a file: trace(graph, a, b).",
    });
  }
  if (given === undefined && traced.every((shape) => shape !== null)) {
    return traced.map((shape) => {
      const sizes = shape.slice(1);
      if (sizes.every((size) => typeof size === "number")) return sizes;
      throw new ArgumentError({
        where,
        expected: "inputShape where sizes of the graph's input vary",
        received: `none for ${formatOpenShape(shape)}`,
        cure: "Pass the sizes of one sample that the file shall take.",
      });
    });
  }
  checkShape(where, given as Shape);
  return [given as Shape];
}

/**
 * A network with its batch norms folded; one with a `forward` of its own is traced for it, with zeros of the inputs'
 * shapes.
 */
export function foldedNetwork(model: AnyModule, shapes: readonly Shape[]): AnyModule {
  if (structuralParts(model) !== null) return foldBatchNorm(model).model;
  const probe = shapes.map((shape) => zeros([2, ...shape]));
  const { model: folded } = foldBatchNorm(model, { probe });
  for (const t of probe) t.dispose();
  return folded;
}

/** What a size that grows with an input is called in files: `N`, `2N`. */
export function sizeName({ axis, factor }: SizeRef): string {
  const name = axis === 0 ? "N" : `size_${axis}`;
  return factor === 1 ? name : `${factor}${name}`;
}

/** The name that a layer has for a tensor of its own. */
function keyOf(layer: AnyModule, t: Tensor): string {
  return layer.ownState().find(([, own]) => own === t)?.[0] ?? "constant";
}

/** Applies a node to tensors. */
function runNode(node: NetworkNode, args: readonly unknown[]): unknown {
  return isLayerNode(node)
    ? Reflect.apply(node.layer.forward, node.layer, args)
    : Reflect.apply(node.run, undefined, args);
}

/** Whether a shape tells all but the number of samples. */
function isKnown(shape: OpenShape | null): boolean {
  return shape?.every((size) => typeof size === "number" || (size instanceof SizeRef && size.axis === 0)) ?? false;
}

function namedShape(shape: OpenShape): BatchShape {
  return shape.map((size) => (size instanceof SizeRef ? sizeName(size) : (size ?? "unknown")));
}

/**
 * Makes the functions that write networks: each node by its layer's own method, by the writer of its op or its class,
 * or, where its weight is computed, with the weight that is computed now. They throw ArgumentError where the format has
 * nothing for a layer or an op.
 */
export function networkWriter<Value extends ForeignValue, Graph extends FileWriter<Value>>(
  format: LayerFormat<Value, Graph>,
): NetworkWriter<Value, Graph> {
  const { name, method, adds, layers, ops, computesConstants } = format;
  const where = `${name}(model)`;
  const at = (title: string, { path }: Graph): string => title + (path === "" ? "" : ` at ${path}`);
  const isOpaque = (module: AnyModule): boolean => typeof Reflect.get(module, method) === "function";

  function partsOf(model: AnyModule, examples: () => readonly Tensor[]): GraphParts {
    const parts = structuralParts(model, isOpaque);
    // What nobody has run has no shapes, which writers of ops need, or sizes that only the input's tell.
    const isRun = !(model instanceof Graph) || model.nodes.every((node) => isLayerNode(node) || isKnown(node.shape));
    return parts !== null && isRun
      ? parts
      : scope(() => tracedParts(model, [...examples(), { mode: "eval" }], isOpaque));
  }

  function writeParts(parts: GraphParts, inputs: readonly Value[], graph: Graph): unknown {
    const state = stateOf(parts);
    const values: unknown[] = [...inputs];
    const computed = new Map<number, unknown>();
    const root = graph.path;
    const inside = (path: string): string => joinPath(root, path);
    const resolve = (tree: Argument): unknown =>
      mapTree(tree, (leaf) => {
        if (leaf instanceof ValueRef) return partAt(values[leaf.value], leaf.path);
        if (leaf instanceof StateRef)
          return graph.within(root, null, () => graph.tensor(leaf.key, state.get(leaf.key) as Tensor));
        if (leaf instanceof ConstantRef) return graph.tensor(`constant_${leaf.index}`, parts.constants[leaf.index]);
        return leaf;
      });
    const isKnown = (leaf: unknown): boolean =>
      leaf instanceof ValueRef ? computed.has(leaf.value) : !(leaf instanceof SizeRef);
    const tensorOf = (leaf: unknown): unknown => {
      if (leaf instanceof ValueRef) return partAt(computed.get(leaf.value), leaf.path);
      if (leaf instanceof StateRef) return state.get(leaf.key);
      return leaf instanceof ConstantRef ? parts.constants[leaf.index] : leaf;
    };
    for (const node of parts.nodes) {
      if (computesConstants && leavesOf(node.args).every(isKnown)) {
        const result = unheard(() => runNode(node, mapTree(node.args, tensorOf) as unknown[]));
        computed.set(values.length, result);
        values.push(mapTree(result, (t) => graph.tensor(node.name, t as Tensor)));
        continue;
      }
      const written = graph.within(inside(node.path), isLayerNode(node) ? node.layer : null, () => {
        const args = node.args.map(resolve);
        if (!isLayerNode(node)) {
          return writeNode(node, { args, shape: node.shape && namedShape(node.shape) }, graph);
        }
        if (args.length === 1) return write(node.layer, args[0] as Value, graph);
        throw new ArgumentError({
          where,
          expected: "layers that are given x alone",
          received: at(`${node.layer} with ${args.length - 1} more`, graph),
          cure: "Leave out masks and options of forward in the network that is exported.",
        });
      });
      values.push(written);
    }
    return resolve(parts.output);
  }

  /** Writes an op by its own translation, if it has one. */
  function writeNode({ op, run }: OpNode, written: WrittenOp, graph: Graph): Value {
    const translate = (run as TranslatedOp)[method];
    if (typeof translate !== "function") return writeOp(op, written, graph);
    return checked(translate.call(run, written.args, graph), `${method}(inputs, graph) of ${at(op, graph)}`);
  }

  function write(module: AnyModule, x: Value, graph: Graph): Value {
    if (isOpaque(module)) {
      const own = Reflect.apply(Reflect.get(module, method), module, [x, graph]);
      return checked(own, `${method}(x, graph) of ${at(module.constructor.name, graph)}`);
    }
    if (module instanceof Reparametrized && module.forward === Reparametrized.prototype.forward) {
      return writePlain(module, x, graph);
    }
    const [op, ...settings] = module.asOp() ?? [""];
    if (Object.hasOwn(ops, op)) {
      const shape = shapeAfter(module, format.batchShape(x));
      const given = settings.map((one) => (one instanceof Tensor ? graph.tensor(keyOf(module, one), one) : one));
      return writeOp(op, { args: [x, ...given], shape }, graph);
    }
    const writer = layers.find(({ layerClass }) => module.is(layerClass));
    const isPassedOn = isRandomDrop(module) || module.is(Identity);
    if (isPassedOn || writer !== undefined) {
      // It refuses what the layer itself refuses.
      shapeAfter(module, format.batchShape(x));
      return writer?.write(module, x, graph) ?? x;
    }
    const example = (): Tensor => zeros(format.batchShape(x).map((size, axis) => (axis === 0 ? 2 : Number(size))));
    if (module.isComposedInEvaluation) {
      shapeAfter(module, format.batchShape(x));
      const inside = scope(() => tracedParts(module, [example(), { mode: "eval" }], isOpaque, true));
      return writeParts(inside, [x], graph) as Value;
    }
    if (isLayer(module)) {
      throw new ArgumentError({
        where,
        expected: "layers that the format has",
        received: at(String(module), graph),
        cure: `Use another layer, or give a class of your own ${method}(x, graph), which adds its ${adds}s.`,
      });
    }
    const parts = partsOf(module, () => [example()]);
    return writeParts(parts, [x], graph) as Value;
  }

  function writeOp(op: string, written: WrittenOp, graph: Graph): Value {
    if (Object.hasOwn(ops, op)) return ops[op](written, graph);
    throw new ArgumentError({
      where,
      expected: "ops that the format has",
      received: at(op, graph),
      cure: op.startsWith("custom.")
        ? `Give it one: customOp({ …, ${method}(inputs, graph) { … } }), which adds its ${adds}s.`
        : `Compute it by others, or give its class ${method}(x, graph), which adds its ${adds}s.`,
    });
  }

  /** Writes the layer inside with the weight that is computed now. */
  function writePlain(module: Reparametrized, x: Value, graph: Graph): Value {
    const { weight: own } = module.layer;
    const plain = module.toPlain();
    try {
      return write(plain, x, graph);
    } finally {
      plain.weight.dispose();
      plain.weight = own;
    }
  }

  /**
   * @throws ArgumentError if a translation of one's own returns something else than a value, as it does where a
   * `return` is missing
   */
  function checked(y: unknown, translation: string): Value {
    const { name: valueName, shape } = Object(y) as Partial<ForeignValue>;
    if (typeof valueName === "string" && Array.isArray(shape)) return y as Value;
    throw new ArgumentError({
      where,
      expected: `${translation} to return its output`,
      received: String(y),
      cure: `Return what graph.${adds}(…) or graph.apply(…) returns.`,
    });
  }

  return { partsOf, writeParts, write };
}
