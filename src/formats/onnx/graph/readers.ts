import type { NodeProto } from "../file/codec.js";

/** Which nodes read each value of a graph, and how often each. */
export class Readers {
  readonly #counts = new Map<string, Map<NodeProto, number>>();

  add(node: NodeProto, name: string): void {
    let counts = this.#counts.get(name);
    if (counts === undefined) {
      counts = new Map();
      this.#counts.set(name, counts);
    }
    counts.set(node, (counts.get(node) ?? 0) + 1);
  }

  /** @returns whether nothing reads the value any more that did */
  remove(node: NodeProto, name: string): boolean {
    const counts = this.#counts.get(name);
    const count = counts?.get(node);
    if (counts === undefined || count === undefined) return false;
    if (count > 1) counts.set(node, count - 1);
    else counts.delete(node);
    return counts.size === 0;
  }

  of(name: string): readonly NodeProto[] {
    return [...(this.#counts.get(name)?.keys() ?? [])];
  }

  /** How many nodes read a value. */
  count(name: string): number {
    return this.#counts.get(name)?.size ?? 0;
  }

  /** Whether one input of one node is all that reads a value. */
  isOne(name: string): boolean {
    const counts = this.#counts.get(name);
    const [count] = counts?.values() ?? [];
    return counts?.size === 1 && count === 1;
  }

  /** Every value that was ever read. */
  names(): Iterable<string> {
    return this.#counts.keys();
  }
}
