import { cos, log } from "./elementary.js";
import { ArgumentError } from "./errors.js";

/** The four words of a {@link Generator}: what a checkpoint stores to continue a stream exactly where it was. */
export type GeneratorState = readonly [number, number, number, number];

/**
 * Steps a 32-bit seed; its outputs fill the generator's state, so that neighbouring seeds give unrelated streams
 * (SplitMix32).
 */
function mixer(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
}

/**
 * A seeded stream of random numbers, the same on every machine and in every engine (xoshiro128**, Blackman & Vigna
 * 2021, doi:10.1145/3460772; period 2¹²⁸ − 1).
 *
 * @example
 * ```ts
 * const a = new Generator(7);
 * const b = new Generator(7);
 * a.uniform() === b.uniform(); // true
 * ```
 */
export class Generator {
  #state: Uint32Array;

  /** @param seed - an integer in [0, 2³²) */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
      throw new ArgumentError({
        where: "Generator(seed)",
        expected: "an integer from 0 to 4294967295",
        received: String(seed),
        cure: "Pass a whole number in that range.",
      });
    }
    const next = mixer(seed);
    this.#state = Uint32Array.of(next(), next(), next(), next());
  }

  /** The next integer in [0, 2³²). */
  integer(): number {
    const s = this.#state;
    const five = Math.imul(s[1], 5);
    const result = Math.imul((five << 7) | (five >>> 25), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** The next real number, uniform in [low, high). @param low - 0 by default @param high - 1 by default */
  uniform(low = 0, high = 1): number {
    // 53 bits: 21 high ones from one draw, 32 low ones from the next.
    const high21 = this.integer() >>> 11;
    return low + (high - low) * ((high21 * 4294967296 + this.integer()) / 9007199254740992);
  }

  /** The next integer, uniform in [0, bound), without the bias of a remainder. @param bound - an integer in [1, 2³²) */
  below(bound: number): number {
    const limit = 4294967296 - (4294967296 % bound);
    let draw = this.integer();
    while (draw >= limit) draw = this.integer();
    return draw % bound;
  }

  /** The next normal deviate (Box & Muller 1958). @param mean - 0 by default @param deviation - 1 by default */
  normal(mean = 0, deviation = 1): number {
    const radius = Math.sqrt(-2 * log(1 - this.uniform()));
    return mean + deviation * radius * cos(2 * Math.PI * this.uniform());
  }

  /** A random order of 0 … length − 1 (Fisher & Yates). @param length - how many */
  permutation(length: number): Uint32Array {
    const order = new Uint32Array(length);
    for (let i = 0; i < length; i++) {
      const j = this.below(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }

  /** A new generator with its own stream, drawn from this one. */
  split(): Generator {
    return new Generator(this.integer());
  }

  /** What to store in order to continue this stream later; assign it to continue one. */
  get state(): GeneratorState {
    const [a, b, c, d] = this.#state;
    return [a, b, c, d];
  }

  /** Continues the stream from there. */
  set state(words: GeneratorState) {
    const isWord = (word: number) => Number.isInteger(word) && word >= 0 && word <= 0xffffffff;
    // From four zeros the stream would be zeros for ever.
    if (!Array.isArray(words) || words.length !== 4 || !words.every(isWord) || words.every((word) => word === 0)) {
      throw new ArgumentError({
        where: "Generator.state",
        expected: "four integers from 0 to 4294967295, not all 0",
        received: Array.isArray(words) ? `[${words.join(", ")}]` : String(words),
        cure: "Assign what another generator's state gave.",
      });
    }
    this.#state = Uint32Array.from(words);
  }
}

let current: { readonly seed: number; readonly generator: Generator } | null = null;

/** The seed in force and its generator; drawn now if there is none. */
function inForce(): { readonly seed: number; readonly generator: Generator } {
  if (current === null) {
    const [drawn] = crypto.getRandomValues(new Uint32Array(1));
    current = { seed: drawn, generator: new Generator(drawn) };
  }
  return current;
}

/**
 * Seeds the generator from which initial weights, dropout and shuffling draw when none is passed to them. Equal seeds
 * give equal runs. A program that never calls it draws a seed at first use, which {@link currentSeed} reports.
 *
 * @param value - an integer in [0, 2³²)
 * @throws ArgumentError if it is not such an integer
 * @example
 * ```ts
 * seed(42);
 * ```
 */
export function seed(value: number): void {
  current = { seed: value, generator: new Generator(value) };
}

/** The seed in force: the one last given to {@link seed}, or the one that was drawn because none was given. */
export function currentSeed(): number {
  return inForce().seed;
}

/** The generator that {@link seed} sets. */
export function generator(): Generator {
  return inForce().generator;
}

let before = 0;

/** How many samples of the batch stand before this process's part of it: 0 unless ranks share it. */
export function samplesBefore(): number {
  return before;
}

/** Runs `fn` with a part of a batch that `samples` others stand before, on ranks of a lower number. */
export function withSamplesBefore<T>(samples: number, fn: () => T): T {
  const outside = before;
  before = samples;
  try {
    return fn();
  } finally {
    before = outside;
  }
}
