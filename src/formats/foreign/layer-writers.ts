import { ArgumentError } from "../../errors.js";
import type { AnyModule } from "../../nn/module.js";
import { Reparametrized } from "../../nn/reparametrized/reparametrized.js";

/** A class of layers, whatever its constructor takes. */
export type LayerClass<M> = abstract new (...given: never[]) => M;

/** Writes a layer of one class into a graph of another system; returns null for others. */
export type LayerWriter<Value, Graph> = (layer: AnyModule, x: Value, graph: Graph) => Value | null;

/** The writer of a class and of subclasses that add nothing but a constructor. */
export function writerOf<M extends AnyModule, Value, Graph>(
  layerClass: LayerClass<M>,
  write: (module: M, x: Value, graph: Graph) => Value,
): LayerWriter<Value, Graph> {
  return (module, x, graph) => (module.is(layerClass) ? write(module, x, graph) : null);
}

/** What writing needs to know of a format. */
export interface LayerFormat<Value, Graph> {
  /** The function that exports: `exportOnnx`. */
  readonly name: string;
  /** The method of a class of one's own that says what it is: `toOnnx`. */
  readonly method: string;
  /** What that method adds, by the graph's method of this name: `node`. */
  readonly adds: string;
  /** Calls that method; undefined where it returns nothing, null of a module that has none. */
  writeOwn(module: AnyModule, x: Value, graph: Graph): Value | undefined | null;
  readonly layers: readonly LayerWriter<Value, Graph>[];
}

/**
 * Makes the function that writes any module: by its own method, by the writer of its class, or, where its weight is computed, with the weight
 * that is computed now. It throws ArgumentError where a class of one's own has no such method, or one that returns no value.
 */
export function moduleWriter<
  Value extends { readonly name: string; readonly shape: readonly unknown[] },
  Graph extends { readonly path: string },
>(format: LayerFormat<Value, Graph>): (module: AnyModule, x: Value, graph: Graph) => Value {
  const { name, method, adds, layers } = format;
  const where = `${name}(model)`;
  const titleOf = (module: AnyModule, { path }: Graph): string =>
    module.constructor.name + (path === "" ? "" : ` at ${path}`);

  function write(module: AnyModule, x: Value, graph: Graph): Value {
    const own = format.writeOwn(module, x, graph);
    if (own !== null) return checked(own, module, graph);
    if (module instanceof Reparametrized && module.forward === Reparametrized.prototype.forward)
      return writePlain(module, x, graph);
    for (const layer of layers) {
      const y = layer(module, x, graph);
      if (y !== null) return y;
    }
    throw new ArgumentError({
      where,
      expected: `layers of Evenkeel's own, or with a method ${method}(x, graph)`,
      received: titleOf(module, graph),
      cure: `Give the class ${method}(x, graph), which adds its ${adds}s.`,
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

  /** @throws ArgumentError if a class of one's own returns something else than a value, as it does where a `return` is missing */
  function checked(y: Value | undefined, module: AnyModule, graph: Graph): Value {
    if (typeof y?.name === "string" && Array.isArray(y.shape)) return y;
    throw new ArgumentError({
      where,
      expected: `${method}(x, graph) of ${titleOf(module, graph)} to return its output`,
      received: String(y),
      cure: `Return what graph.${adds}(…) or graph.apply(…) returns.`,
    });
  }

  return write;
}
