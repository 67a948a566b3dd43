import type { AnyModule } from "../../nn/module.js";
import { joinPath } from "../../nn/paths.js";
import { Residual } from "../../nn/residual.js";
import { Sequential } from "../../nn/sequential.js";
import { add } from "../../ops/binary.js";
import type { OpFunction } from "../../tracing.js";
import { ValueRef } from "../argument.js";
import { Branch } from "../branch.js";
import { Graph } from "../graph.js";
import { isLayer } from "../is-layer.js";
import type { NetworkNode } from "../node.js";
import type { GraphParts } from "../parts.js";

/**
 * The graph of a network whose structure says all: layers in `Sequential` and `Residual`, to any depth. It needs no
 * example, and takes inputs of any shape. Null where something else stands in it; {@link Graph}s are what they are.
 *
 * @param isOpaque - modules to take for layers, whatever is inside
 */
export function structuralParts(
  model: AnyModule,
  isOpaque: (module: AnyModule) => boolean = () => false,
): GraphParts | null {
  if (model instanceof Graph) return model.parts;
  const isNode = (module: AnyModule): boolean => isOpaque(module) || isLayer(module);
  const nodes: NetworkNode[] = [];
  const push = (node: NetworkNode): number => nodes.push(node);
  const paths = new Map<AnyModule, string>();
  const names = new Map<string, number>();
  const unique = (name: string): string => {
    const used = (names.get(name) ?? 0) + 1;
    names.set(name, used);
    return used === 1 ? name : `${name}_${used}`;
  };
  /** Adds what a module does to a value; returns what it gives, or null. */
  const apply = (path: string, module: AnyModule, x: number): number | null => {
    const inside = (key: string): string => joinPath(path, key);
    if (isNode(module)) {
      const first = paths.get(module) ?? path;
      paths.set(module, first);
      const parts = { name: unique(first), path: first, args: [new ValueRef(x)], gradient: true, shape: null };
      return push({ ...parts, layer: module });
    }
    if (module.is(Sequential)) {
      return module
        .children()
        .reduce<number | null>((value, [key, child]) => (value === null ? null : apply(inside(key), child, value)), x);
    }
    if (!module.is(Residual)) return null;
    const body = apply(inside("body"), module.body, x);
    const shortcut = module.shortcut === null ? x : apply(inside("shortcut"), module.shortcut, x);
    if (body === null || shortcut === null) return null;
    const args = [new ValueRef(body), new ValueRef(shortcut)];
    const run: OpFunction = add;
    return push({ name: unique(inside("add")), path, args, gradient: true, shape: null, op: "add", run });
  };
  const output = apply("", model, 0);
  if (output === null) return null;
  return {
    inputs: [{ shape: null }],
    nodes,
    output: new ValueRef(output),
    constants: [],
    names: isNode(model) ? Branch.around(model) : Branch.mirror(model, isNode),
    trains: true,
  };
}
