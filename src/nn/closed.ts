import type { Tensor } from "../tensor.js";
import { tracer } from "../tracing.js";
import type { AnyModule } from "./module.js";

/** What a module states of itself once and for all. */
interface Statement {
  /** {@link LayerTraits.keepsNothing} */
  readonly keepsNothing: boolean;
  /** {@link LayerTraits.fusesRelu} */
  readonly fusesRelu: boolean;
  /** Whether it applies other modules. */
  readonly hasChildren: boolean;
}

const statements = new WeakMap<AnyModule, Statement>();

/** Each module is asked once, since the answer is needed at every step. */
export function statementOf(module: AnyModule): Statement {
  const known = statements.get(module);
  if (known !== undefined) return known;
  const { keepsNothing, fusesRelu } = module;
  const statement = { keepsNothing, fusesRelu, hasChildren: module.children().length > 0 };
  statements.set(module, statement);
  return statement;
}

/**
 * Whether no code but that of layers which keep nothing sees what a module is given and gives: nobody listens, to it or
 * inside it.
 */
export function isClosed(module: AnyModule): boolean {
  if (module.hooked || Object.hasOwn(module, "forward")) return false;
  const { keepsNothing, hasChildren } = statementOf(module);
  return keepsNothing && (!hasChildren || module.children().every(([, child]) => isClosed(child)));
}

/**
 * Frees what one layer gave to the next, once it has been used, where nobody else can have seen it. What gradients need
 * of it stays.
 */
export function release(between: Tensor): void {
  if (tracer === null) between.dispose();
}
