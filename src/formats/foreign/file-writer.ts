import type { AnyModule } from "../../nn/module.js";
import { joinPath } from "../../nn/paths.js";
import type { Tensor } from "../../tensor.js";

/** A file of another system in the making: what it names begins with the path of the module that is being written. */
export abstract class FileWriter<Value> {
  /** @internal What nothing new is called. */
  protected readonly names = new Set<string>();
  /** The visits under way, the innermost last. */
  readonly #within: { readonly module: AnyModule | null; readonly path: string }[] = [];

  /** @internal A tensor of the network as a value; one that is there already is used again. */
  abstract tensor(key: string, t: Tensor): Value;

  /** Writes a module that was given `x`; returns its output. */
  protected abstract write(module: AnyModule, x: Value): Value;

  /** The path of the module that is being written, as in `namedModules()`. */
  get path(): string {
    return this.#within.at(-1)?.path ?? "";
  }

  /** @internal The visit to the module that is being written. */
  protected get visit(): { readonly module: AnyModule | null } | undefined {
    return this.#within.at(-1);
  }

  /**
   * Writes a module inside the one that is being written.
   *
   * @param x - its input
   * @returns its output
   */
  apply(module: AnyModule, x: Value): Value {
    const key = this.visit?.module?.children().find(([, child]) => child === module)?.[0];
    return this.within(key === undefined ? this.path : this.pathOf(key), module, () => this.write(module, x));
  }

  /** @internal Writes a part of the network that belongs to a module at a path. */
  within<T>(path: string, module: AnyModule | null, write: () => T): T {
    this.#within.push({ module, path });
    try {
      return write();
    } finally {
      this.#within.pop();
    }
  }

  /** @internal A name that nothing has yet. */
  protected fresh(base: string): string {
    let name = base;
    for (let k = 1; this.names.has(name); k++) name = `${base}_${k}`;
    this.names.add(name);
    return name;
  }

  /** @internal The path of what stands inside the module that is being written. */
  protected pathOf(key: string): string {
    return joinPath(this.path, key);
  }
}
