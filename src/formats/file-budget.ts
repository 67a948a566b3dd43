import { FormatError } from "../errors.js";

const unchanged = "Check that it is the file that was saved or exported.";

/**
 * What a file may ask of whoever reads it: so much for each of its bytes, and so much besides. Real files stay far
 * below; a small file that asks for much is refused before it costs anything.
 */
const allowances = {
  /** Numbers that are read or made, or work that takes as long: see {@link work}. */
  work: { free: 4_000_000, perByte: 32, noun: "work", cure: unchanged },
  /**
   * Values of constants that nodes compute: as many as the layers of a large network, filled by nodes of a few bytes.
   */
  computed: { free: 2 ** 25, perByte: 32, noun: "computed constants", cure: unchanged },
  /**
   * Objects and lists of JSON, messages of Protocol Buffers: in memory each takes hundreds of bytes where it may take
   * two in a file.
   */
  parts: { free: 200_000, perByte: 1 / 8, noun: "parts", cure: unchanged },
  /** Layers that are built: each takes a kilobyte. */
  layers: { free: 1000, perByte: 1 / 128, noun: "layers", cure: unchanged },
  /** Numbers of parameters and buffers; a stored one takes two bytes at least. */
  values: { free: 2 ** 20, perByte: 1 / 2, noun: "parameters", cure: unchanged },
  /** Bytes that come out of packed ones: images and tables pack to a fifth, sparse ones to a thirtieth. */
  unpacked: { free: 2 ** 24, perByte: 40, noun: "unpacked bytes", cure: "Unpack the file first if you trust it." },
} as const;

/** How long parts of reading a file take, in numbers read meanwhile. */
export const work = {
  /** A graph, even an empty one. */
  graph: 1000,
  /** To know a node. */
  node: 400,
  /** A normalisation, which is described and folded: besides what a node takes. */
  norm: 3000,
  /** To recognise a norm that is composed of several nodes. */
  composedNorm: 5000,
  /** A value that a graph reads from around it. */
  outerValue: 60,
  /** To look at the attributes of a node. */
  attributes: 100,
  /** To name a node. */
  title: 10,
  /** One channel of a map that is made and composed. */
  mappedChannel: 8,
  /** A layer. */
  layer: 1000,
  /** The parameters of a layer, besides. */
  parameters: 5000,
  /** A number that becomes a parameter, which is drawn before it is loaded. */
  parameter: 10,
  /** To compute a node at all points at which activations are compared. */
  evaluatedNode: 400,
  /** What becomes of a constant that was computed: it is read, mapped and written. */
  computedValue: 12,
} as const;

/** The currencies of {@link FileBudget}. */
export type Expense = keyof typeof allowances;

/**
 * Bounds what reading one file may cost by the file's size: the one defence of every reader against small files that
 * ask for much.
 */
export class FileBudget {
  readonly #where: string;
  readonly #bytes: number;
  readonly #spent = new Map<Expense, number>();

  /**
   * @param where - what messages name as their place
   *
   * @param bytes - the size of the file, with all that belongs to it
   */
  constructor(where: string, bytes: number) {
    this.#where = where;
    this.#bytes = bytes;
  }

  /** How much may still be spent. */
  left(expense: Expense): number {
    const { free, perByte } = allowances[expense];
    return Math.floor(free + perByte * this.#bytes) - (this.#spent.get(expense) ?? 0);
  }

  /**
   * Counts what is about to be read or made.
   *
   * @throws FormatError where the file asks for far more than its size gives cause for
   */
  spend(expense: Expense, amount: number): void {
    if (!(amount <= this.left(expense))) throw this.exceeded(expense);
    this.#spent.set(expense, (this.#spent.get(expense) ?? 0) + amount);
  }

  /** Allows more than the size of the file does. */
  grant(expense: Expense, amount: number): void {
    this.#spent.set(expense, (this.#spent.get(expense) ?? 0) - amount);
  }

  /** The refusal of a file that asks for more. */
  exceeded(expense: Expense, cause?: unknown): FormatError {
    const { noun, cure } = allowances[expense];
    return new FormatError(
      {
        where: this.#where,
        expected: `${noun} in proportion to the size of the file`,
        received: `more than ${this.#bytes} bytes give cause for`,
        cure,
      },
      { cause },
    );
  }
}
