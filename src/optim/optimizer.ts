import type { Backend } from "../backend/backend.js";
import { hostBackend, onBackend } from "../backend/index.js";
import { checkRange } from "../check-range.js";
import { tensor } from "../create.js";
import { ArgumentError, StateDictError } from "../errors.js";
import { checkOptions, type OptionNames } from "../options.js";
import { formatShape, sameShape } from "../shape.js";
import { empty, Tensor } from "../tensor.js";
import { assignAll, copyOf } from "../tensor-copies.js";

/** Options that every optimiser has. */
export interface OptimizerOptions {
  /** Learning rate, ≥ 0; may be changed between steps through `.lr`. */
  readonly lr: number;
  /** Strength of weight decay, ≥ 0. @defaultValue 0 */
  readonly weightDecay?: number;
  /**
   * Which parameters decay. Norm weights and all biases are the parameters of rank 1, so that `(p) => p.rank > 1`
   * leaves them out.
   * @defaultValue all
   */
  readonly decays?: (parameter: Tensor) => boolean;
}

/** The options of every optimiser. */
export const optimizerNames: OptionNames<OptimizerOptions> = { lr: true, weightDecay: true, decays: true };

/**
 * Parameters with a learning rate or a weight decay of their own: {@link parameterGroups} makes them by name or kind.
 */
export interface ParameterGroup {
  /** The parameters. */
  readonly parameters: Iterable<Tensor>;
  /** Multiplies the optimiser's learning rate, whatever a schedule makes of it, ≥ 0. @defaultValue 1 */
  readonly lrScale?: number;
  /** Strength of their weight decay, ≥ 0, whatever `decays` says. @defaultValue that of the options */
  readonly weightDecay?: number;
}

/** What an optimiser changes: parameters, or groups of them. */
export type Parameters = Iterable<Tensor> | Iterable<ParameterGroup>;

/** Options of {@link Optimizer.step}. */
export interface StepOptions {
  /**
   * Multiplies every gradient, in the pass that changes the parameters: to clip ({@link clipGradNorm} tells the norm),
   * or to average over the batches whose gradients were added up. The bits are those of gradients scaled before.
   * @defaultValue 1
   */
  readonly gradientScale?: number;
  /** @internal Whether the step is taken, and by what gradients are scaled besides, as the backend has decided. */
  readonly gate?: Tensor | null;
}

/** A parameter that an optimiser changes, with what it remembers of it. */
export interface ParameterUpdate {
  /** What is changed, in place. */
  readonly parameter: Tensor;
  /** Its gradient, not yet scaled. */
  readonly gradient: Tensor;
  /** The tensors kept for it, by the names of the optimiser's slots. */
  readonly moments: Readonly<Record<string, Tensor>>;
  /** 0 where the parameter does not decay. */
  readonly weightDecay: number;
}

/** The numbers of one step, the same for all parameters of a list. */
export interface UpdateNumbers {
  /** The learning rate of these parameters. */
  readonly lr: number;
  /** Steps of these parameters, this one too. */
  readonly step: number;
  /** Multiplies the gradients before all else. */
  readonly gradientScale: number;
  /**
   * @internal A block: where it is shut nothing may change, else its scale multiplies the gradients too. Null: open,
   * with scale 1.
   */
  readonly gate: unknown;
}

/** What an optimiser remembers of one parameter: how many steps it has taken, and tensors of its shape. */
interface Memory {
  step: number;
  readonly moments: Readonly<Record<string, Tensor>>;
}

/** Parameters of one backend that take a step of the same number and learning rate. */
interface UpdateList {
  readonly backend: Backend;
  readonly step: number;
  readonly lrScale: number;
  readonly memories: Memory[];
  readonly updates: ParameterUpdate[];
}

/** Two shares of what is kept, checked to lie in [0, 1). */
export function checkBetas(where: string, [first, second]: readonly [number, number]): readonly [number, number] {
  return [checkRange(where, "betas[0]", first, 0, 1), checkRange(where, "betas[1]", second, 0, 1)];
}

/** The list of such parameters, begun where there is none. */
function listFor(lists: UpdateList[], backend: Backend, step: number, lrScale: number): UpdateList {
  for (const list of lists) {
    if (list.step === step && list.lrScale === lrScale && list.backend === backend) return list;
  }
  const list = { backend, step, lrScale, memories: [], updates: [] };
  lists.push(list);
  return list;
}

/** Changes parameters by their gradients. */
export abstract class Optimizer {
  /** What it changes. */
  readonly parameters: readonly Tensor[];
  /** Strength of weight decay. */
  readonly weightDecay: number;
  readonly #decays: (parameter: Tensor) => boolean;
  readonly #groupOf: ReadonlyMap<Tensor, ParameterGroup>;
  readonly #memories = new Map<Tensor, Memory>();
  #lr = 0;

  /** @throws ArgumentError if there are no parameters or a number is out of range */
  constructor(parameters: Parameters, { lr, weightDecay = 0, decays = () => true }: OptimizerOptions) {
    this.#groupOf = groupsOf(`new ${this.constructor.name}(parameters)`, parameters);
    const list = [...this.#groupOf.keys()];
    this.parameters = list;
    if (list.length === 0) {
      throw new ArgumentError({
        where: `new ${this.constructor.name}(parameters)`,
        expected: "a list of at least one parameter",
        received: Symbol.iterator in parameters ? "an empty one" : String(parameters),
        cure: "Pass model.parameters(), of a model whose layers are its own properties.",
      });
    }
    this.lr = lr;
    this.weightDecay = checkRange(`new ${this.constructor.name}(options)`, "weightDecay", weightDecay);
    this.#decays = decays;
  }

  /** Learning rate, ≥ 0. @throws ArgumentError if negative or not finite */
  get lr(): number {
    return this.#lr;
  }

  /** Takes effect from the next step on. */
  set lr(value: number) {
    this.#lr = checkRange(`${this.constructor.name}.lr`, "lr", value);
  }

  /** Names of the tensors kept for each parameter, zeros at first. */
  protected abstract readonly slots: readonly string[];

  /** The largest norm of all gradients, scaled, with which what is remembered stays within float32. */
  get largestGradient(): number {
    return Number.POSITIVE_INFINITY;
  }

  /**
   * @internal Whether {@link Optimizer.update} heeds `gate`, so that the device can decide whether a step is taken; if
   * not, `fit` waits for the numbers of the gradients before each step.
   */
  get heedsGate(): boolean {
    return false;
  }

  /** Changes parameters that live on one backend and have taken equally many steps, all at once. */
  protected abstract update(updates: readonly ParameterUpdate[], numbers: UpdateNumbers): void;

  /** Changes every parameter that has a gradient. @throws ArgumentError if gradientScale is negative or not finite */
  step({ gradientScale = 1, gate = null }: StepOptions = {}): void {
    checkRange(`${this.constructor.name}.step(options)`, "gradientScale", gradientScale);
    const lists: UpdateList[] = [];
    for (const parameter of this.parameters) {
      const { grad: gradient } = parameter;
      if (gradient === null) continue;
      const memory = this.#memoryOf(parameter);
      const group = this.#groupOf.get(parameter);
      const weightDecay = group?.weightDecay ?? (this.#decays(parameter) ? this.weightDecay : 0);
      const list = listFor(lists, parameter.backend, memory.step + 1, group?.lrScale ?? 1);
      list.memories.push(memory);
      list.updates.push({ parameter, gradient, moments: memory.moments, weightDecay });
    }
    for (const { step, lrScale, memories, updates } of lists) {
      for (const memory of memories) memory.step = step;
      this.update(updates, { lr: this.#lr * lrScale, step, gradientScale, gate: gate?.block ?? null });
      for (const { parameter } of updates) parameter.storage.version++;
    }
  }

  /**
   * @internal Remembers how many steps each parameter has taken; what is returned goes back to that, after steps that a
   * gate has kept shut.
   */
  remember(): () => void {
    const before = [...this.#memories.values()].map((memory) => [memory, memory.step] as const);
    return () => {
      const known = new Map(before);
      for (const memory of this.#memories.values()) memory.step = known.get(memory) ?? 0;
    };
  }

  /** Frees and forgets all gradients. */
  zeroGrad(): void {
    for (const parameter of this.parameters) parameter.grad = null;
  }

  #memoryOf(parameter: Tensor): Memory {
    const known = this.#memories.get(parameter);
    if (known !== undefined) return known;
    const moments = Object.fromEntries(
      this.slots.map((slot) => {
        const moment = empty(this.constructor.name, parameter.backend, parameter.shape).persist();
        moment.backend.fill(moment.block, moment.size, 0);
        return [slot, moment];
      }),
    );
    const memory = { step: 0, moments };
    this.#memories.set(parameter, memory);
    return memory;
  }

  #forget(parameter: Tensor): void {
    for (const moment of Object.values(this.#memories.get(parameter)?.moments ?? {})) moment.dispose();
    this.#memories.delete(parameter);
  }

  /** Copies of what it remembers: `0.step`, `0.velocity`, … by the place of each parameter. */
  stateDict(): Record<string, Tensor> {
    const entries = this.parameters.flatMap((parameter, k) => {
      const memory = this.#memories.get(parameter);
      if (memory === undefined) return [];
      const moments = Object.entries(memory.moments).map(
        ([slot, t]) => [`${k}.${slot}`, copyOf("stateDict", t)] as const,
      );
      return [[`${k}.step`, onBackend(hostBackend(), () => tensor(memory.step))] as const, ...moments];
    });
    return Object.fromEntries(entries);
  }

  /**
   * Takes up what {@link Optimizer.stateDict} returned, all of it or nothing.
   *
   * @throws StateDictError if it does not fit the parameters
   */
  loadStateDict(state: Record<string, Tensor>): void {
    const expected = new Map<string, Tensor>();
    this.parameters.forEach((parameter, k) => {
      for (const slot of this.slots) expected.set(`${k}.${slot}`, parameter);
    });
    const isStep = (name: string): boolean =>
      /^\d+\.step$/.test(name) && Number.parseInt(name, 10) < this.parameters.length;
    const unexpected = Object.keys(state).filter((name) => !expected.has(name) && !isStep(name));
    const stepOf = (name: string): string => `${Number.parseInt(name, 10)}.step`;
    const begun = (name: string): boolean => Object.hasOwn(state, stepOf(name));
    const stepless = [...expected.keys()].filter((name) => Object.hasOwn(state, name) && !begun(name));
    const incomplete = [...expected.keys()].filter((name) => begun(name) && !Object.hasOwn(state, name));
    const missing = [...incomplete, ...new Set(stepless.map(stepOf))];
    const misshaped = [...expected]
      .filter(([name, like]) => Object.hasOwn(state, name) && !sameShape(state[name].shape, like.shape))
      .map(([name, like]) => `${name} (expected ${formatShape(like.shape)}, got ${formatShape(state[name].shape)})`);
    for (const [name, t] of Object.entries(state)) {
      if (!isStep(name)) continue;
      if (t.size !== 1) misshaped.push(`${name} (expected scalar, got ${formatShape(t.shape)})`);
      else if (!(Number.isInteger(t.item()) && t.item() >= 0))
        misshaped.push(`${name} (expected a count, got ${t.item()})`);
    }
    if (unexpected.length + missing.length + misshaped.length > 0) {
      throw new StateDictError(`${this.constructor.name}.loadStateDict(state)`, missing, unexpected, misshaped);
    }
    const moments = new Map<Tensor, Tensor>();
    this.parameters.forEach((parameter, k) => {
      const step = state[`${k}.step`];
      if (step === undefined) {
        this.#forget(parameter);
        return;
      }
      const memory = this.#memoryOf(parameter);
      memory.step = step.item();
      for (const [slot, moment] of Object.entries(memory.moments)) moments.set(moment, state[`${k}.${slot}`]);
    });
    assignAll(moments);
  }
}

/**
 * The group of each parameter, in their order.
 *
 * @throws ArgumentError if one stands in two, or is no leaf, or a number is out of range
 */
function groupsOf(where: string, parameters: Parameters): Map<Tensor, ParameterGroup> {
  const groupOf = new Map<Tensor, ParameterGroup>();
  if (!(Symbol.iterator in parameters)) return groupOf;
  const fault = (expected: string, received: string, cure: string): ArgumentError =>
    new ArgumentError({ where, expected, received, cure });
  const alone: ParameterGroup = { parameters: [] };
  const add = (parameter: Tensor, group: ParameterGroup): void => {
    const before = groupOf.get(parameter);
    // A list may hold a tensor twice, as two layers may share it.
    if (before !== undefined && (before !== alone || group !== alone)) {
      const received = `one of shape ${formatShape(parameter.shape)} in two`;
      throw fault("each parameter in one group", received, "Leave it out of one of them.");
    }
    if (parameter.requiresGrad && !parameter.isParameter) {
      const cure = "Pass what it was made of: only leaves get gradients.";
      throw fault("parameters", `${parameter.title}, the output of an op`, cure);
    }
    groupOf.set(parameter, group);
  };
  for (const one of parameters) {
    if (one instanceof Tensor) {
      add(one, alone);
      continue;
    }
    const members: Iterable<unknown> | undefined = Object(one).parameters;
    const listed = Symbol.iterator in Object(members) ? [...(members as Iterable<unknown>)] : null;
    if (listed === null || !listed.every((member) => member instanceof Tensor)) {
      const received =
        listed === null ? (one === null ? "null" : typeof one) : "a group whose parameters are not all tensors";
      const expected = "tensors, or groups { parameters, lrScale, weightDecay }";
      throw fault(expected, received, "Pass model.parameters(), or parameterGroups(model, rules).");
    }
    checkOptions(where, one, { parameters: true, lrScale: true, weightDecay: true });
    const { lrScale = 1, weightDecay = 0 } = one;
    checkRange(where, "lrScale", lrScale);
    checkRange(where, "weightDecay", weightDecay);
    for (const parameter of listed) add(parameter, one);
  }
  return groupOf;
}
