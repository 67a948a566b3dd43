import { checkOneOf } from "../../check-one-of.js";
import { zeros } from "../../create.js";
import { ArgumentError, ShapeError } from "../../errors.js";
import { applyMask } from "../../ops/apply-mask.js";
import { concat } from "../../ops/concat.js";
import { dropout } from "../../ops/dropout.js";
import { linear } from "../../ops/linear.js";
import { checkMaskValues } from "../../ops/mask-values.js";
import { reshape } from "../../ops/reshape.js";
import { slice } from "../../ops/slice.js";
import { transpose } from "../../ops/transpose.js";
import { checkOptions, type OptionNames } from "../../options.js";
import { scope } from "../../scope.js";
import { checkCount, formatShape, sameShape } from "../../shape.js";
import { checkTensor, type Tensor } from "../../tensor.js";
import { checkFeatures } from "../check-features.js";
import { uniformParameter } from "../init.js";
import { keepsRank, type LayerTraits } from "../layer-traits.js";
import { Module } from "../module.js";
import type { CellNorms } from "./normalized.js";
import { type RecurrentNorm, StepNorm } from "./step-norm.js";

/** Options of {@link LSTM} and {@link GRU}. */
export interface RecurrentOptions {
  /** Layers, each of which reads what the one before gives. @defaultValue 1 */
  readonly numLayers?: number;
  /** Whether there are biases. @defaultValue true */
  readonly bias?: boolean;
  /**
   * Whether each layer also reads the sequence from its end; its features are then twice as many.
   *
   * @defaultValue false
   */
  readonly bidirectional?: boolean;
  /** The probability of 0 for values between layers, in training. @defaultValue 0 */
  readonly dropout?: number;
  /**
   * Norms of W·x, of W′·h and, in an LSTM, of the cell that the hidden state is made of. `"layer"`: Ba et al. 2016,
   * arXiv:1607.06450. `"batch"`: Cooijmans et al. 2016, arXiv:1603.09025, with statistics of each step up to
   * `maxSteps`; a step of padding does not count. Such layers have one bias, `bias_ih_l0`, and run op by op.
   * @defaultValue null
   */
  readonly norm?: RecurrentNorm | null;
  /** For how many steps there are batch statistics; later steps share the last. Needed where `norm` is `"batch"`. */
  readonly maxSteps?: number | null;
}

const recurrentNames: OptionNames<RecurrentOptions> = {
  ...{ numLayers: true, bias: true, bidirectional: true, dropout: true, norm: true, maxSteps: true },
};

/** Options of {@link Recurrent.forward}: which steps are real, and the states before the first. */
export interface RecurrentForwardOptions<State> {
  /**
   * (N, T): ones for the steps of a sequence, zeros for padding, wherever it lies. A step of padding keeps the state
   * and gives 0.
   * @defaultValue ones
   */
  readonly mask?: Tensor | null;
  /** The states before the first step, as {@link Recurrent.forwardWithState} returns them. @defaultValue zeros */
  readonly state?: State | null;
}

/** What {@link Recurrent.forwardWithState} returns besides the states. */
export interface RecurrentOutput {
  /** The last layer's hidden states of all steps, as {@link Recurrent.forward} returns them. */
  readonly output: Tensor;
}

/** What a layer gives in one direction: the states of all steps (T, N, H), and of each kind the last (N, H). */
export interface DirectionStates {
  readonly steps: Tensor;
  readonly last: readonly Tensor[];
}

/** The parameters of a layer in one direction. */
export interface CellParameters {
  readonly weightIh: Tensor;
  readonly weightHh: Tensor;
  readonly biasIh: Tensor | null;
  readonly biasHh: Tensor | null;
  /** Null without. */
  readonly norms: CellNorms | null;
}

/** Names of the states: h, and c of an LSTM. */
type States = Readonly<Record<string, Tensor>>;

/**
 * A recurrent network over sequences (N, T, inputSize), batches first. Parameters have PyTorch's names and shapes
 * (`weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, with `_reverse` behind those that read backwards), and
 * its initial values, uniform in ±1/√hiddenSize.
 */
export abstract class Recurrent<State extends States> extends Module<
  [x: Tensor, options?: RecurrentForwardOptions<State>]
> {
  /** Features of x. */
  readonly inputSize: number;
  /** Values of a state. */
  readonly hiddenSize: number;
  /** Layers. */
  readonly numLayers: number;
  /** Whether each layer also reads the sequence from its end. */
  readonly bidirectional: boolean;
  /** The probability of 0 for values between layers, in training. */
  readonly dropout: number;
  /** Which norms there are inside. */
  readonly norm: RecurrentNorm | null;
  /** For how many steps there are batch statistics; null where there are none. */
  readonly maxSteps: number | null;
  readonly #hasBias: boolean;
  readonly #kinds: readonly (keyof State & string)[];

  /**
   * @param gates - how many, each of hiddenSize values
   * @param kinds - names of the states
   * @throws ArgumentError if a number is not whole or out of range
   */
  constructor(
    gates: number,
    kinds: readonly (keyof State & string)[],
    inputSize: number,
    hiddenSize: number,
    options: RecurrentOptions,
  ) {
    super();
    const { numLayers = 1, bias = true, bidirectional = false, dropout: p = 0, norm = null, maxSteps = null } = options;
    const where = `new ${this.constructor.name}(inputSize, hiddenSize)`;
    checkOptions(where, options, recurrentNames);
    this.inputSize = checkCount(where, "inputSize", inputSize);
    this.hiddenSize = checkCount(where, "hiddenSize", hiddenSize);
    this.numLayers = checkCount(where, "numLayers", numLayers);
    if (!(p >= 0 && p <= 1) || (p > 0 && numLayers === 1)) {
      throw new ArgumentError({
        where,
        expected: "dropout to be a probability from 0 to 1, above 0 only between two layers or more",
        received: `${p} for ${numLayers} ${numLayers === 1 ? "layer" : "layers"}`,
        cure: "Put a Dropout behind a single layer.",
      });
    }
    checkOneOf(where, "norm", norm, ["layer", "batch", null]);
    if ((norm === "batch") !== (maxSteps !== null)) {
      throw new ArgumentError({
        where,
        expected: 'maxSteps where norm is "batch", and only there',
        received: `norm ${norm}, maxSteps ${maxSteps}`,
        cure: "Pass the length of the longest sequences that it is trained on.",
      });
    }
    this.bidirectional = bidirectional;
    this.dropout = p;
    this.norm = norm;
    this.maxSteps = maxSteps === null ? null : checkCount(where, "maxSteps", maxSteps);
    this.#hasBias = bias;
    this.#kinds = kinds;
    for (const [layer, suffix] of this.#passes()) {
      const size = layer === 0 ? inputSize : hiddenSize * (bidirectional ? 2 : 1);
      this.#make("weight_ih", layer, suffix, [gates * hiddenSize, size]);
      this.#make("weight_hh", layer, suffix, [gates * hiddenSize, hiddenSize]);
      for (const name of bias ? (norm === null ? ["bias_ih", "bias_hh"] : ["bias_ih"]) : []) {
        this.#make(name, layer, suffix, [gates * hiddenSize]);
      }
    }
    if (norm === null) return;
    for (const [layer, suffix] of this.#passes()) {
      const put = (name: string, features: number, hasBias: boolean): void => {
        Reflect.set(this, `${name}_l${layer}${suffix}`, new StepNorm(features, norm, maxSteps ?? 1, hasBias));
      };
      put("norm_ih", gates * hiddenSize, false);
      put("norm_hh", gates * hiddenSize, false);
      if (kinds.length > 1) put("norm_c", hiddenSize, true);
    }
  }

  /** Runs the cell over a sequence whose gates x has given its part to. @param gates - (T, N, gates·hiddenSize) */
  protected abstract run(
    gates: Tensor,
    parameters: CellParameters,
    states: readonly Tensor[],
    mask: Tensor | null,
    isReversed: boolean,
  ): DirectionStates;

  /** @internal The parameters of a layer in one direction. */
  cell(layer: number, isReversed: boolean): CellParameters {
    const suffix = isReversed ? "_reverse" : "";
    const parameter = (name: string): Tensor => Reflect.get(this as object, `${name}_l${layer}${suffix}`) as Tensor;
    const bias = (name: string): Tensor | null => (this.#hasBias ? (parameter(name) ?? null) : null);
    const norm = (name: string): StepNorm | null =>
      (Reflect.get(this as object, `${name}_l${layer}${suffix}`) as StepNorm | undefined) ?? null;
    const [ih, hh, c] = [norm("norm_ih"), norm("norm_hh"), norm("norm_c")];
    return {
      ...{ weightIh: parameter("weight_ih"), weightHh: parameter("weight_hh") },
      ...{ biasIh: bias("bias_ih"), biasHh: bias("bias_hh") },
      norms: ih === null || hh === null ? null : { ih, hh, c },
    };
  }

  #make(name: string, layer: number, suffix: string, shape: readonly number[]): void {
    Reflect.set(this, `${name}_l${layer}${suffix}`, uniformParameter(shape, this.hiddenSize));
  }

  /** Every layer and direction, in the order of the parameters. */
  #passes(): [layer: number, suffix: "" | "_reverse"][] {
    const suffixes = this.bidirectional ? (["", "_reverse"] as const) : ([""] as const);
    return Array.from({ length: this.numLayers }, (_, layer) => layer).flatMap((layer) =>
      suffixes.map((suffix): [number, "" | "_reverse"] => [layer, suffix]),
    );
  }

  /**
   * Applies the layer.
   *
   * @param x - (N, T, inputSize)
   * @returns the last layer's hidden states of all steps, (N, T, hiddenSize), or twice as many features if it reads
   * both ways
   * @throws ShapeError if sizes do not fit
   * @throws ArgumentError if the mask has other values than 0 and 1
   */
  override forward(x: Tensor, options: RecurrentForwardOptions<State> = {}): Tensor {
    return scope(() => this.#apply(x, options).output);
  }

  /**
   * Applies the layer, and returns the states behind the last step too: those from which it goes on with another part
   * of the sequences.
   *
   * @param x - (N, T, inputSize)
   * @returns the output, and of each kind of state (numLayers · directions, N, hiddenSize)
   */
  forwardWithState(x: Tensor, options: RecurrentForwardOptions<State> = {}): RecurrentOutput & State {
    return scope(() => {
      const { output, last } = this.#apply(x, options);
      const size = [1, x.shape[0], this.hiddenSize];
      const states = this.#kinds.map((kind, k) => [kind, concat(last.map((pass) => reshape(pass[k], size)))] as const);
      return { output, ...(Object.fromEntries(states) as State) };
    });
  }

  #apply(x: Tensor, options: RecurrentForwardOptions<State>) {
    checkOptions(() => `${this}.forward(x)`, options, { mask: true, state: true });
    const { mask = null, state = null } = options;
    this.#check(x, mask, state);
    const real = mask === null ? x : applyMask(x, reshape(mask, [...mask.shape, 1]));
    const seen = mask === null ? null : transpose(mask, [1, 0]);
    const first = this.#passes().map((_, n) =>
      this.#kinds.map((kind) => {
        const shape = [x.shape[0], this.hiddenSize];
        return state === null ? zeros(shape) : reshape(slice(state[kind], n, n + 1), shape);
      }),
    );
    const last: (readonly Tensor[])[] = [];
    let value = transpose(real, [1, 0, 2]);
    for (let layer = 0; layer < this.numLayers; layer++) {
      if (layer > 0 && this.training && this.dropout > 0) value = dropout(value, this.dropout);
      const input = value;
      const directions = this.bidirectional ? [false, true] : [false];
      const passes = directions.map((isReversed) => {
        const parameters = this.cell(layer, isReversed);
        const gates = linear(input, parameters.weightIh, parameters.norms === null ? parameters.biasIh : null);
        return this.run(gates, parameters, first[last.length + Number(isReversed)], seen, isReversed);
      });
      last.push(...passes.map((pass) => pass.last));
      value = passes.length === 1 ? passes[0].steps : concat(passes.map(({ steps }) => steps), 2); // biome-ignore format: one choice
    }
    const all = transpose(value, [1, 0, 2]);
    return { output: mask === null ? all : applyMask(all, reshape(mask, [...mask.shape, 1])), last };
  }

  #check(x: Tensor, mask: Tensor | null, state: State | null): void {
    const where = `${this}.forward(x)`;
    checkFeatures(this, x, 2, this.inputSize, "features");
    const refuse = (expected: string, t: Tensor, cure: string): never => {
      throw new ShapeError({ where, expected, received: formatShape(t.shape), cure });
    };
    if (x.rank !== 3) refuse("sequences (N, T, features)", x, "Reshape to three axes, batches first.");
    const [batch, steps] = x.shape;
    if (mask !== null) {
      checkTensor(where, mask);
      if (!sameShape(mask.shape, [batch, steps])) {
        refuse(`a mask of ${batch}×${steps} steps`, mask, "Give it one value for each step of each sequence.");
      }
      checkMaskValues(where, mask, "ones (steps) and zeros", "Mark each step by 1 or 0.");
    }
    const shape = [this.#passes().length, batch, this.hiddenSize];
    for (const kind of state === null ? [] : this.#kinds) {
      const given = state?.[kind];
      checkTensor(`${where}, state.${kind}`, given);
      if (given === undefined || sameShape(given.shape, shape)) continue;
      refuse(`a state ${kind} of ${formatShape(shape)}`, given, "Pass what forwardWithState() has returned.");
    }
  }

  /** What both kinds have in common, for their `traits`. */
  protected sequenceTraits(): LayerTraits {
    const { inputSize, hiddenSize, numLayers, bidirectional, dropout: p, norm, maxSteps } = this;
    const inside = norm === null ? {} : { norm, maxSteps };
    const options = { numLayers, bias: this.#hasBias, bidirectional, dropout: p, ...inside };
    return {
      constructorArguments: [inputSize, hiddenSize, options],
      ...keepsRank(hiddenSize * (bidirectional ? 2 : 1), "last"),
    };
  }

  override toString(): string {
    return `${this.constructor.name}(${this.inputSize}, ${this.hiddenSize})`;
  }
}
