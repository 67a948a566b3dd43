import type { OpenShape } from "../../../../graph/node.js";
import type { OnnxGraph } from "../../graph/graph.js";
import { Ranks } from "../../graph/ranks.js";

/** The shapes of a graph's values, as far as the import knows them by now. */
export class ValueShapes {
  /** How many samples the model declares; null where it leaves that open. */
  readonly declaredBatch: number | null;
  #isBatchFixed = false;
  readonly #shapes = new Map<string, OpenShape>();
  readonly #ranks: Ranks;

  constructor(graph: OnnxGraph, declaredBatch: number | null) {
    this.#ranks = new Ranks(graph);
    this.declaredBatch = declaredBatch;
  }

  /** Whether the network is that of the declared number of samples alone. */
  get isBatchFixed(): boolean {
    return this.#isBatchFixed;
  }

  /** Says that a node has the declared number of samples in it, so that another would mix them. */
  fixBatch(): void {
    this.#isBatchFixed = this.declaredBatch !== null;
  }

  set(name: string, shape: OpenShape | null): void {
    if (shape !== null) this.#shapes.set(name, shape);
  }

  /** Null where it is not known. */
  get(name: string): OpenShape | null {
    return this.#shapes.get(name) ?? null;
  }

  /** How many axes a value has; undefined where it is unknown. */
  rank(name: string): number | undefined {
    return this.#shapes.get(name)?.length ?? this.#ranks.get(name);
  }
}
