/**
 * The channels of a value. Channels of several values that can only go together, as those of two addends and their sum,
 * are one cell: {@link Cells} joins them.
 */
export interface Channels {
  /** Where they lie: axis 1, or the last axis; the same axis at rank 2. */
  readonly axis: "second" | "last";
  /** The rank of the value; null where it is not known. */
  readonly rank: number | null;
  /** The cell of each. */
  readonly cells: readonly number[];
  /** What each is at every place, whatever the input; NaN: it varies, or nobody knows. */
  readonly constants: Float64Array;
  /** Whether each stands for a stretch of features, as behind a Flatten; how many is told by who reads them. */
  readonly isFlat: boolean;
}

/** Sets of channels that stay or go together. */
export class Cells {
  readonly #parents: number[] = [];
  /** Why a set has to stay. */
  readonly #reasons = new Map<number, string>();

  /** So many new ones. @param reason - why they have to stay, if they do */
  make(count: number, reason: string | null = null): number[] {
    return Array.from({ length: count }, () => {
      const cell = this.#parents.push(this.#parents.length) - 1;
      if (reason !== null) this.#reasons.set(cell, reason);
      return cell;
    });
  }

  /** The one that stands for a set. */
  rootOf(cell: number): number {
    let root = cell;
    while (this.#parents[root] !== root) {
      this.#parents[root] = this.#parents[this.#parents[root]];
      root = this.#parents[root];
    }
    return root;
  }

  /** Makes one set of two. */
  join(a: number, b: number): void {
    const [from, to] = [this.rootOf(a), this.rootOf(b)];
    if (from === to) return;
    this.#parents[from] = to;
    const reason = this.#reasons.get(from);
    if (reason !== undefined) this.keep(to, reason);
  }

  /** Has a set stay. The first reason counts. */
  keep(cell: number, reason: string): void {
    const root = this.rootOf(cell);
    if (!this.#reasons.has(root)) this.#reasons.set(root, reason);
  }

  /** Why a set has to stay; undefined if it need not. */
  reasonOf(cell: number): string | undefined {
    return this.#reasons.get(this.rootOf(cell));
  }
}

/** Channels that are flattened, one for each of `features`; null where these are not a multiple. */
export function spread(x: Channels, features: number): Channels | null {
  const { length } = x.cells;
  if (!x.isFlat || length === features) return length === features ? { ...x, isFlat: false } : null;
  const each = features / length;
  if (!Number.isInteger(each)) return null;
  const at = (k: number): number => Math.floor(k / each);
  return {
    ...x,
    isFlat: false,
    cells: Array.from({ length: features }, (_, k) => x.cells[at(k)]),
    constants: Float64Array.from({ length: features }, (_, k) => x.constants[at(k)]),
  };
}

/** Channels of which nothing is constant. */
export function varying(count: number): Float64Array {
  return new Float64Array(count).fill(Number.NaN);
}
