import { moduleTitle, runLayer } from "../layer-pass.js";
import { checkOptions } from "../options.js";
import { Tensor } from "../tensor.js";
import { assignAll, copyOf } from "../tensor-copies.js";
import { tracer } from "../tracing.js";
import { behavesAs, type ChannelAxis, type ChannelMap, type LayerTraits, ownerOf } from "./layer-traits.js";
import { type LoadStateDictOptions, matchState, type StateDictDifference } from "./match-state.js";
import { joinPath } from "./paths.js";

/** Any module, whatever it takes and returns. */
export type AnyModule = Module<never[], unknown>;

/** Called after a forward pass with the module, its (first) input and its output; they are valid inside the call. */
export type ForwardListener = (module: AnyModule, input: Tensor, output: Tensor) => void;

/**
 * A network or a part of one: parameters, buffers, sub-modules, and how they are applied.
 *
 * Parameters (tensors made with `requiresGrad`) and sub-modules are found among a module's own properties and arrays of
 * them, not in `#private` fields, maps or plain objects, whose layers nothing would train or save; names are the paths
 * of properties, as PyTorch's: `blocks.0.weight`. A new module is in training mode.
 *
 * @typeParam Input - the arguments of `forward`
 * @typeParam Output - what `forward` returns
 * @example
 * ```ts
 * class Net extends Module {
 *   hidden = new Linear(4, 8);
 *   norm = new BatchNorm(8);
 *   out = new Linear(8, 3);
 *   forward(x: Tensor): Tensor {
 *     return this.out.forward(relu(this.norm.forward(this.hidden.forward(x))));
 *   }
 * }
 * const net = new Net();
 * Object.keys(net.stateDict()); // hidden.weight, hidden.bias, norm.weight, norm.bias, norm.running_mean, …
 * ```
 */
export abstract class Module<Input extends unknown[] = [x: Tensor], Output = Tensor> {
  #training = true;
  readonly #buffers = new Map<string, Tensor>();
  readonly #listeners = new Set<ForwardListener>();

  constructor() {
    wrapForward(Object.getPrototypeOf(this));
  }

  /** Applies the module. */
  abstract forward(...input: Input): Output;

  /** Whether the module is in training mode: {@link Module.train} or {@link Module.eval}. */
  get training(): boolean {
    return this.#training;
  }

  /** Puts this module and all inside it into training mode, or into evaluation mode if `mode` is false. */
  train(mode = true): this {
    for (const [, module] of this.namedModules()) module.setTraining(mode);
    return this;
  }

  /** Puts this module and all inside it into evaluation mode. */
  eval(): this {
    return this.train(false);
  }

  /** Called for each module by {@link Module.train}; layers that behave differently in the two modes may extend it. */
  protected setTraining(mode: boolean): void {
    this.#training = mode;
  }

  /** @internal Remembers this module's own mode; what is returned restores it. Layers with switches extend it. */
  saveMode(): () => void {
    const mode = this.#training;
    return () => {
      this.#training = mode;
    };
  }

  /**
   * What its class states about itself; null where it says nothing. A class of one's own may override it, so that it is
   * saved, copied and diagnosed as the library's layers are. It holds for subclasses that override nothing but the
   * constructor and `toString`.
   */
  protected traits(): LayerTraits | null {
    return null;
  }

  /** {@link Module.traits}, unless a subclass or the object itself has changed what they were stated of. */
  #traits(): LayerTraits | null {
    return behavesAs(this, ownerOf(this, "traits")) ? this.traits() : null;
  }

  /**
   * What its constructor takes to build such a layer again, JSON values and modules; null where its class does not say.
   */
  constructorArguments(): readonly unknown[] | null {
    return this.#traits()?.constructorArguments ?? null;
  }

  /** @internal Whether nobody else sees what it is given and gives: see {@link LayerTraits.keepsNothing}. */
  get keepsNothing(): boolean {
    return this.#traits()?.keepsNothing ?? false;
  }

  /** The op that it is, by its name in graphs, with the settings that follow x; null where it is more than one. */
  asOp(): readonly [name: string, ...settings: unknown[]] | null {
    return this.#traits()?.op ?? null;
  }

  /**
   * @internal Whether a graph shows what is inside: of a class that states nothing, too. See
   * {@link LayerTraits.isComposite}.
   */
  get isComposite(): boolean {
    const traits = this.#traits();
    return traits === null || (traits.isComposite ?? false);
  }

  /**
   * @internal Whether it computes ops and layers alone in evaluation: see {@link LayerTraits.isComposedInEvaluation}.
   */
  get isComposedInEvaluation(): boolean {
    return this.#traits()?.isComposedInEvaluation ?? false;
  }

  /** Whether each value of the output depends only on the value in the same place of the input. */
  get isElementwise(): boolean {
    return this.#traits()?.isElementwise ?? false;
  }

  /** Channels of the output, from those of the input; null where they are not known. */
  channelsAfter(channels: number | null): number | null {
    const traits = this.#traits();
    return traits?.channels?.(channels) ?? (traits?.isElementwise ? channels : null);
  }

  /** Rank of the output, from that of the input; null where it is not known. */
  rankAfter(rank: number | null): number | null {
    const traits = this.#traits();
    return traits?.rank?.(rank) ?? (traits?.isElementwise ? rank : null);
  }

  /** @internal Whether `forward` takes `{ activation: "relu" }`. */
  get fusesRelu(): boolean {
    return this.#traits()?.fusesRelu ?? false;
  }

  /** Where its input and output have their channels; null where the layer before it decides. */
  get channelAxis(): ChannelAxis | null {
    return this.#traits()?.channelAxis ?? null;
  }

  /**
   * The map y = scale·x + shift per channel that it is as its switches stand, in float64; null where its output depends
   * otherwise on x.
   */
  channelMap(): ChannelMap | null {
    return this.#traits()?.channelMap?.() ?? null;
  }

  /**
   * @internal A module of the same class, in the same mode and with the same buffers. Where its class or one above
   * states what its constructor takes, that constructor is run; those of subclasses are not. Other properties are left
   * to the caller.
   *
   * @param copyArgument - gives what stands for an argument of the constructor
   * @param copyTensor - a copy of a tensor, written into another where one is given
   */
  copyShell(
    copyArgument: (argument: unknown) => unknown,
    copyTensor: (t: Tensor, into?: Tensor) => Tensor,
  ): Module<Input, Output> {
    const stated = this.traits()?.constructorArguments ?? [];
    const stating = ownerOf(this, "traits").constructor;
    const shell: Module<Input, Output> = Reflect.construct(
      stating as typeof Module,
      stated.map(copyArgument),
      this.constructor,
    );
    shell.setTraining(this.#training);
    for (const [name, t] of this.#buffers) {
      const built = shell.#buffers.get(name);
      if (built === undefined) shell.buffer(name, copyTensor(t));
      else copyTensor(t, built);
    }
    const extra = this.getExtraState();
    if (extra !== null) shell.setExtraState(extra);
    return shell;
  }

  /**
   * Registers a tensor that belongs to the module's state but is not trained. No scope frees it.
   *
   * @param name - its name in {@link Module.stateDict}
   * @returns the tensor
   */
  buffer(name: string, tensor: Tensor): Tensor {
    this.#buffers.set(name, tensor.persist());
    return tensor;
  }

  /** Every module from this one down, with its path; each once. */
  namedModules(): [name: string, module: AnyModule][] {
    const found: [string, AnyModule][] = [];
    const seen = new Set<AnyModule>();
    const visit = (name: string, module: AnyModule): void => {
      if (seen.has(module)) return;
      seen.add(module);
      found.push([name, module]);
      for (const [key, child] of module.children()) visit(joinPath(name, key), child);
    };
    visit("", this);
    return found;
  }

  /** Every trained tensor, with its path; each once. Includes those whose `requiresGrad` has been switched off. */
  namedParameters(): [name: string, parameter: Tensor][] {
    const seen = new Set<Tensor>();
    return this.#entries(true).filter(([, t]) => !seen.has(t) && seen.add(t));
  }

  /** Every trained tensor, once: what an optimiser takes. */
  parameters(): Tensor[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** The sub-modules directly inside, with the name of the property (and the place in the array) that holds each. */
  children(): [name: string, module: AnyModule][] {
    return members(this).filter((entry): entry is [string, AnyModule] => entry[1] instanceof Module);
  }

  /** @internal The parameters among this module's own properties. */
  ownParameters(): [key: string, parameter: Tensor][] {
    return members(this).filter(
      (entry): entry is [string, Tensor] => entry[1] instanceof Tensor && entry[1].isParameter,
    );
  }

  /** @internal The buffers of this module itself. */
  ownBuffers(): [key: string, buffer: Tensor][] {
    return [...this.#buffers];
  }

  /**
   * @internal All memory that this module itself holds; layers that hold more than parameters and buffers extend it.
   */
  ownTensors(): Tensor[] {
    return [...this.ownParameters(), ...this.ownBuffers()].map(([, t]) => t);
  }

  /**
   * Frees parameters, gradients and buffers of this module and of all inside it, which cannot be used afterwards: for
   * programs that make many models without awaiting anything, since the garbage collector frees dropped ones only when
   * the event loop turns.
   */
  dispose(): void {
    for (const [, module] of this.namedModules()) {
      for (const t of module.ownTensors()) {
        t.grad = null;
        t.dispose();
      }
    }
  }

  /**
   * Parameters and, unless `parametersOnly`, buffers, in PyTorch's order: a module's own, then those of its children.
   */
  #entries(parametersOnly: boolean): [name: string, tensor: Tensor][] {
    return this.#tree("", []).flatMap(([name, module]) => {
      const own = [...module.ownParameters(), ...(parametersOnly ? [] : module.ownBuffers())];
      return own.map(([key, tensor]): [string, Tensor] => [joinPath(name, key), tensor]);
    });
  }

  /** As {@link Module.namedModules}, but a module that stands in two places is listed in both. */
  #tree(name: string, path: readonly AnyModule[]): [name: string, module: AnyModule][] {
    // A module that holds its own parent is not gone into again.
    if (path.includes(this)) return [];
    const below = this.children().flatMap(([key, child]) => child.#tree(joinPath(name, key), [...path, this]));
    return [[name, this], ...below];
  }

  /** @internal The parameters and buffers themselves, by their keys in {@link Module.stateDict}. */
  ownState(): [key: string, tensor: Tensor][] {
    return this.#entries(false);
  }

  /** Copies of all parameters and buffers by name: PyTorch's keys and shapes. */
  stateDict(): Record<string, Tensor> {
    return Object.fromEntries(this.#entries(false).map(([name, t]) => [name, copyOf("stateDict", t)]));
  }

  /**
   * Copies values into the existing parameters and buffers: all of them or, if anything is wrong, none. An entry
   * `num_batches_tracked` may be absent.
   *
   * @param state - what {@link Module.stateDict} returns
   * @param options - `strict: false` loads what fits and reports the rest; shapes must fit all the same. `skip` leaves
   * entries out, whatever their shape
   * @returns what was missing and unexpected, and what was skipped
   * @throws StateDictError listing every missing, unexpected and mis-shaped entry
   * @throws ArgumentError if something in `skip` names no entry
   * @example
   * ```ts
   * const pretrained = new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 1000)).stateDict();
   * const net = new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 3));
   * net.loadStateDict(pretrained, { skip: "2" }).skipped; // ["2.weight", "2.bias"]
   * ```
   */
  loadStateDict(state: Record<string, Tensor>, options: LoadStateDictOptions = {}): StateDictDifference {
    checkOptions(`${moduleTitle(this)}.loadStateDict(state)`, options, { strict: true, skip: true });
    const { strict = true, skip } = options;
    const { pairs, isLoaded, difference } = matchState(
      `${moduleTitle(this)}.loadStateDict`,
      this.#entries(false),
      this.#inOwnNames(state),
      { strict, skip },
    );
    // A tensor of several names is written once.
    assignAll(pairs);
    for (const [path, module] of this.namedModules()) {
      module.stateLoaded((key) => {
        const name = joinPath(path, key);
        return isLoaded(name) ? (state[name] ?? null) : null;
      });
    }
    return difference;
  }

  /**
   * @internal Told, after values have been copied in, what they were of this module's own entries; null: not among
   * them.
   */
  stateLoaded(_given: (key: string) => Tensor | null): void {}

  /**
   * @internal Brings what the host wants to know of values that lie on a backend which does not answer at once: such as
   * counters, for {@link Module.getExtraState}. Of this module alone; nothing to do elsewhere.
   */
  async refresh(): Promise<void> {}

  /**
   * @internal Names that entries of this module itself have in files of other programs, such as PyTorch 2's of a
   * parametrised weight, each with the entry's own name. They are recognised where the own name is absent.
   */
  otherNames(): Readonly<Record<string, string>> {
    return {};
  }

  #inOwnNames(state: Record<string, Tensor>): Record<string, Tensor> {
    const names = new Map<string, string>();
    for (const [path, module] of this.#tree("", [])) {
      for (const [other, own] of Object.entries(module.otherNames())) {
        const isOther = Object.hasOwn(state, joinPath(path, other)) && !Object.hasOwn(state, joinPath(path, own));
        if (isOther) names.set(joinPath(path, other), joinPath(path, own));
      }
    }
    if (names.size === 0) return state;
    return Object.fromEntries(Object.entries(state).map(([name, t]) => [names.get(name) ?? name, t]));
  }

  /**
   * What this module (not those inside it) remembers besides tensors, such as switches, counters or the state of a
   * generator of its own; null if there is nothing. A checkpoint keeps it, so it must survive JSON. Modules of one's
   * own may override it together with {@link Module.setExtraState}.
   */
  getExtraState(): unknown {
    return null;
  }

  /** Takes up what {@link Module.getExtraState} gave; called after parameters, buffers and mode have been put back. */
  setExtraState(_state: unknown): void {}

  /**
   * Calls a listener after each forward pass of this module (not of those inside it: see {@link Module.namedModules}).
   * A module with listeners is never fused with its neighbours.
   *
   * @returns a function that removes the listener
   * @example
   * ```ts
   * const layer = new Linear(2, 2);
   * const stop = layer.onForward((module, input, output) => {
   *   `${module}: ${input.shape} -> ${output.shape}`; // "Linear(2, 2): 1,2 -> 1,2"
   * });
   * layer.forward(tensor([[1, 2]]));
   * stop();
   * ```
   */
  onForward(listener: ForwardListener): () => void {
    wrapOwnForward(this);
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Whether anybody listens: see {@link Module.onForward}. */
  get hooked(): boolean {
    return this.#listeners.size > 0;
  }

  /**
   * Whether this module is exactly a layer of that class: made by it, or by a subclass that overrides nothing but its
   * constructor and `toString`. What is known of a class holds for such layers alone.
   *
   * @example
   * ```ts
   * class Pointwise extends Conv2d {
   *   constructor(channels: number) {
   *     super(channels, channels, 1);
   *   }
   * }
   * new Pointwise(4).is(Conv2d); // true
   * new Linear(2, 3).is(Conv2d); // false
   * ```
   */
  is<C extends AnyModule>(layerClass: abstract new (...given: never[]) => C): this is C {
    return this instanceof layerClass && behavesAs(this, layerClass.prototype);
  }

  /**
   * @internal Runs the outermost `forward` of a module: the one place where traces, listeners and the naming of layers
   * in errors meet.
   */
  static run<Input extends unknown[], Output>(
    module: Module<Input, Output>,
    forward: (...input: Input) => Output,
    input: Input,
  ): Output {
    if (tracer !== null) return tracer.module(module, input, () => forward.apply(module, input)) as Output;
    const [first] = input;
    if (!(first instanceof Tensor)) return forward.apply(module, input);
    const output = runLayer(module, first, forward, input);
    if (module.#listeners.size > 0 && output instanceof Tensor) {
      for (const listener of [...module.#listeners]) listener(module, first, output);
    }
    return output;
  }

  /** Its class and sizes, e.g. `Linear(2, 3)`: how messages name it. */
  toString(): string {
    return `${this.constructor.name}()`;
  }
}

type Forward = (this: AnyModule, ...input: never[]) => unknown;

/** The functions that stand in for the `forward` of a class or an object. */
const wrappers = new WeakSet<Forward>();
/** Prototypes whose `forward`, and those above, have been wrapped. */
const wrapped = new WeakSet<object>();

/** Only the outermost `forward` of an object passes through {@link Module.run}: `super.forward(x)` runs as it is. */
function wrapperOf(forward: Forward): Forward {
  const wrapper: Forward = function (...input) {
    return this.forward === wrapper ? Module.run(this, forward, input) : forward.apply(this, input);
  };
  wrappers.add(wrapper);
  return wrapper;
}

/** Wraps the `forward` of a class and of those it extends, once. */
function wrapForward(prototype: object): void {
  if (wrapped.has(prototype)) return;
  for (let p = prototype; p !== Module.prototype; p = Object.getPrototypeOf(p)) {
    wrapped.add(p);
    const own = Object.getOwnPropertyDescriptor(p, "forward");
    if (own === undefined || typeof own.value !== "function" || wrappers.has(own.value)) continue;
    Object.defineProperty(p, "forward", { ...own, value: wrapperOf(own.value) });
  }
}

/** @internal Wraps a `forward` that is a property of the object itself, for those who need to see its calls. */
export function wrapOwnForward(module: AnyModule): void {
  const own = Object.getOwnPropertyDescriptor(module, "forward");
  if (own === undefined || typeof own.value !== "function" || wrappers.has(own.value)) return;
  Object.defineProperty(module, "forward", { ...own, value: wrapperOf(own.value) });
}

/** Properties of a module that are tensors or modules, arrays of them spread out: `blocks.0`. */
function members(module: AnyModule): [string, unknown][] {
  return Object.entries(module).flatMap(([key, value]): [string, unknown][] =>
    Array.isArray(value) ? value.map((member, k): [string, unknown] => [`${key}.${k}`, member]) : [[key, value]],
  );
}
