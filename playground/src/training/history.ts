/** So many rows are kept; then every second one goes, and from there on half as many come. */
const capacity = 400;

/** What was measured in the course of training, a column for each name; all have the same length. */
export type Columns<Name extends string> = Readonly<Record<Name, Float32Array>>;

/**
 * Rows measured at every `stride`-th step. However long training lasts, there are at most `capacity` of them, evenly
 * spread, and which they are depends on the step alone: equal runs have equal histories.
 */
export class History<Name extends string> {
  readonly #rows: Readonly<Record<Name, number>>[] = [];
  readonly #names: readonly Name[];
  #stride: number;

  constructor(names: readonly Name[], stride: number) {
    this.#names = names;
    this.#stride = stride;
  }

  /** Whether a step, counted from 0, is to be measured. */
  wants(step: number): boolean {
    return step % this.#stride === 0;
  }

  add(row: Readonly<Record<Name, number>>): void {
    if (this.#rows.length === capacity) {
      for (let k = 0; 2 * k < capacity; k++) this.#rows[k] = this.#rows[2 * k];
      this.#rows.length = capacity / 2;
      this.#stride *= 2;
    }
    this.#rows.push(row);
  }

  columns(): Columns<Name> {
    const columns = this.#names.map((name) => [name, Float32Array.from(this.#rows, (row) => row[name])]);
    return Object.fromEntries(columns);
  }
}
