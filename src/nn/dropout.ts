import { ArgumentError } from "../errors.js";
import { dropout } from "../ops/dropout.js";
import type { Generator, GeneratorState } from "../random.js";
import type { Tensor } from "../tensor.js";
import { type LayerTraits, same } from "./layer-traits.js";
import { Module } from "./module.js";

/** Options of {@link Dropout}. */
export interface DropoutOptions {
  /** Where masks are drawn from. @defaultValue the generator that `seed()` sets */
  readonly generator?: Generator;
}

/** In training each value is 0 with probability p, else x / (1 − p); in evaluation x itself. See {@link dropout}. */
export class Dropout extends Module {
  /** The probability of 0. */
  readonly p: number;
  readonly #generator: Generator | undefined;

  /** @param p - in [0, 1], 0.5 by default @throws ArgumentError if it is not */
  constructor(p = 0.5, { generator }: DropoutOptions = {}) {
    super();
    if (!(p >= 0 && p <= 1)) {
      throw new ArgumentError({
        where: "new Dropout(p)",
        expected: "a probability from 0 to 1",
        received: String(p),
        cure: "Pass the share of values to drop, e.g. 0.5.",
      });
    }
    this.p = p;
    this.#generator = generator;
  }

  /** Applies the layer. @param x - any shape */
  override forward(x: Tensor): Tensor {
    return this.training && this.p > 0 ? dropout(x, this.p, this.#generator) : x;
  }

  override getExtraState(): GeneratorState | null {
    return this.#generator?.state ?? null;
  }

  override setExtraState(state: GeneratorState): void {
    if (this.#generator !== undefined) this.#generator.state = state;
  }

  protected override traits(): LayerTraits {
    return { constructorArguments: [this.p], keepsNothing: true, channels: same, rank: same };
  }

  override toString(): string {
    return `Dropout(${this.p})`;
  }
}
