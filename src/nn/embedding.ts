import { tensor } from "../create.js";
import { ArgumentError } from "../errors.js";
import { checkPadding, type EmbeddingOptions, embedding, type Indices } from "../ops/embedding.js";
import { mostRows } from "../ops/indices.js";
import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { normalValues } from "./init.js";
import type { LayerTraits } from "./layer-traits.js";
import { Module } from "./module.js";

/**
 * A table of trained vectors, looked up by number: words, characters, categories; see {@link embedding}. Initial values
 * are standard normal deviates, as PyTorch's, drawn from the generator that `seed()` sets.
 *
 * @example
 * ```ts
 * const table = new Embedding(27, 8, { paddingIdx: 0 });
 * table.forward([[3, 1, 20, 0]]).shape; // [1, 4, 8]
 * ```
 */
export class Embedding extends Module<[indices: Indices]> {
  /** (numEmbeddings, embeddingDim) */
  weight: Tensor;
  /** The row that stands for padding, or null. */
  readonly paddingIdx: number | null;

  /**
   * @param numEmbeddings - rows of the table, 1 to 2²⁴: indices lie below it
   * @param embeddingDim - values of a row, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    const { paddingIdx } = options;
    super();
    const where = "new Embedding(numEmbeddings, embeddingDim)";
    checkOptions(where, options, { paddingIdx: true });
    checkCount(where, "numEmbeddings", numEmbeddings);
    checkCount(where, "embeddingDim", embeddingDim);
    if (numEmbeddings > mostRows) {
      throw new ArgumentError({
        where,
        expected: `at most ${mostRows} rows, so that float32 can number them`,
        received: String(numEmbeddings),
        cure: "Split the table, or map rare numbers to one row.",
      });
    }
    this.paddingIdx = paddingIdx === undefined ? null : checkPadding(where, paddingIdx, numEmbeddings);
    const values = normalValues(numEmbeddings * embeddingDim);
    if (paddingIdx !== undefined) values.fill(0, paddingIdx * embeddingDim, (paddingIdx + 1) * embeddingDim);
    this.weight = tensor(values, [numEmbeddings, embeddingDim], { requiresGrad: true });
  }

  /**
   * Looks rows up.
   *
   * @param indices - whole numbers in [0, numEmbeddings), rank up to 4
   * @returns (…, embeddingDim)
   * @throws DataError if an index is out of range, naming its place
   */
  override forward(indices: Indices): Tensor {
    return embedding(indices, this.weight, { paddingIdx: this.paddingIdx ?? undefined });
  }

  protected override traits(): LayerTraits {
    const { weight, paddingIdx } = this;
    return {
      constructorArguments: [...weight.shape, paddingIdx === null ? {} : { paddingIdx }],
      keepsNothing: true,
      op: ["embedding", weight, paddingIdx === null ? {} : { paddingIdx }],
      channels: () => weight.shape[1],
      rank: (rank) => (rank === null ? null : rank + 1),
      channelAxis: "last",
    };
  }

  override toString(): string {
    return `Embedding(${this.weight.shape.join(", ")})`;
  }
}
