/** Numbers for an input of a model, or from an output; row-major. */
export interface ModelArray {
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** The numbers; what the model takes as float16, integers or booleans is converted. */
  readonly values: ArrayLike<number>;
}

/** Numbers by the name of the input or output. */
export type ModelArrays = Readonly<Record<string, ModelArray>>;

/** An input as a model declares it. */
export interface DeclaredInput {
  /** What a caller passes it by. */
  readonly name: string;
  /** What its elements are, e.g. `float32`. */
  readonly type: string;
  /** Numbers, or names of sizes that are left open. */
  readonly shape: readonly (number | string)[];
}
