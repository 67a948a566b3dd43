import { hostBackend, onBackend } from "../../backend/index.js";
import { checkRange } from "../../check-range.js";
import { ArgumentError, FormatError } from "../../errors.js";
import type { AnyModule, Module } from "../../nn/module.js";
import { refreshAll } from "../../nn/refresh-all.js";
import type { Optimizer } from "../../optim/optimizer.js";
import { checkOptions } from "../../options.js";
import { type Generator, type GeneratorState, generator as globalGenerator } from "../../random.js";
import { checkCount } from "../../shape.js";
import { shown } from "../../shown.js";
import type { Tensor } from "../../tensor.js";
import { onHost } from "../../tensor-copies.js";
import { passFrom } from "../pass.js";
import type { Data } from "../step.js";
import { readCheckpoint, writeCheckpoint } from "./checkpoint.js";
import type { CheckpointState, Position } from "./checkpoint-state.js";
import type { Companion } from "./companion.js";
import { inOrderOf, optimizedPaths } from "./optimized.js";

/** How {@link fit} saves where it stands, and where it goes on from. */
export interface CheckpointOptions {
  /**
   * Called, and awaited, with each checkpoint, the last one at the end. In Node `checkpointFile(path)` of
   * `evenkeel/node` does it.
   */
  readonly save: (bytes: Uint8Array) => void | Promise<void>;
  /** The checkpoint to go on from. @defaultValue null: from the beginning */
  readonly from?: Uint8Array | null;
  /** Save after so many steps, ≥ 1. @defaultValue never by their number */
  readonly everySteps?: number;
  /** Save when so many seconds have passed, > 0. @defaultValue 60, or never if `everySteps` is given */
  readonly everySeconds?: number;
  /**
   * Generators that the loss or callbacks draw from, besides the one that `seed()` sets, the data's and the layers'.
   *
   * @defaultValue none
   */
  readonly generators?: readonly Generator[];
  /**
   * Asked at each save for anything that is to be kept with it; must survive JSON. {@link describeCheckpoint} gives it
   * back.
   */
  readonly note?: () => unknown;
}

const where = "fit(model, data, { checkpoint })";

/**
 * Saves where a call of {@link fit} stands, when it is time to; and puts everything back to where a checkpoint was
 * taken.
 */
export class Checkpoints<Target> {
  readonly #model: Module;
  readonly #data: Data<Target>;
  readonly #optimizer: Optimizer;
  readonly #options: CheckpointOptions;
  readonly #companions: readonly Companion[];
  readonly #validating: readonly Generator[];
  readonly #everySteps: number;
  readonly #everySeconds: number;
  #passStart: readonly GeneratorState[] = [];
  #now: readonly GeneratorState[] = [];
  #lastStep = 0;
  #lastTime = performance.now();

  constructor(
    model: Module,
    data: Data<Target>,
    optimizer: Optimizer,
    options: CheckpointOptions,
    companions: readonly Companion[],
    /** From which validation data draw their order. */
    validating: readonly Generator[] = [],
  ) {
    checkOptions(where, options, {
      save: true,
      from: true,
      everySteps: true,
      everySeconds: true,
      generators: true,
      note: true,
    });
    if (typeof options.save !== "function") {
      const cure = "Pass save(bytes), such as that of checkpointFile(path).";
      throw new ArgumentError({ where, expected: "save as a function", received: shown(options.save), cure });
    }
    this.#companions = companions;
    this.#validating = validating;
    this.#model = model;
    this.#data = data;
    this.#optimizer = optimizer;
    this.#options = options;
    const { everySteps, everySeconds } = options;
    this.#everySteps =
      everySteps === undefined ? Number.POSITIVE_INFINITY : checkCount(where, "everySteps", everySteps);
    this.#everySeconds =
      everySeconds === undefined
        ? everySteps === undefined
          ? 60
          : Number.POSITIVE_INFINITY
        : checkRange(where, "everySeconds", everySeconds);
  }

  get #generators(): Generator[] {
    const { generators: own = [] } = this.#data;
    return [globalGenerator(), ...own, ...this.#validating, ...(this.#options.generators ?? [])];
  }

  #restore(states: readonly GeneratorState[]): void {
    this.#generators.forEach((generator, k) => {
      generator.state = states[k];
    });
  }

  /** Notes the generators as they are between two steps, before anything is drawn for the next. */
  mark(isPassStart: boolean): void {
    this.#now = this.#generators.map(({ state }) => state);
    if (isPassStart) this.#passStart = this.#now;
  }

  /** Whether it is time to save, after so many steps. */
  isDue(step: number): boolean {
    const steps = step - this.#lastStep;
    const seconds = (performance.now() - this.#lastTime) / 1000;
    return steps > 0 && (steps >= this.#everySteps || seconds >= this.#everySeconds);
  }

  /** Saves. */
  async save(position: Position): Promise<void> {
    await refreshAll(this.#model);
    const modules = this.#model.namedModules();
    const companionTensors = this.#companions.flatMap((one) =>
      Object.entries(one.stateDict()).map(([name, t]) => [`${one.key}.${name}`, t] as const),
    );
    const snapshots = [this.#model.stateDict(), this.#optimizer.stateDict(), Object.fromEntries(companionTensors)];
    const extra = modules.map(([name, module]) => [name, module.getExtraState()] as const);
    const state: CheckpointState = {
      position,
      length: this.#data.length ?? null,
      lr: this.#optimizer.lr,
      passStart: this.#passStart,
      generators: this.#now,
      evaluating: modules.filter(([, module]) => !module.training).map(([name]) => name),
      untrained: this.#model.namedParameters().flatMap(([name, { requiresGrad }]) => (requiresGrad ? [] : [name])),
      optimized: optimizedPaths(this.#model, this.#optimizer),
      extra: Object.fromEntries(extra.filter(([, value]) => value !== null)),
      companions: Object.fromEntries(this.#companions.map((one) => [one.key, one.getState()])),
      note: this.#options.note?.() ?? null,
    };
    const tensors = await Promise.all(snapshots.map(onHost));
    const [model, optimizer, companions] = tensors;
    const bytes = writeCheckpoint({ state, model, optimizer, companions });
    for (const part of tensors) dispose(part);
    await this.#options.save(bytes);
    this.#lastStep = position.step;
    this.#lastTime = performance.now();
  }

  /**
   * Puts model, optimiser and generators back to the checkpoint that is to be gone on from.
   *
   * @returns null if there is none
   */
  async resume(): Promise<{ readonly position: Position; readonly pass: Data<Target> } | null> {
    const { from } = this.#options;
    if (from === undefined || from === null) return null;
    const { state, model, optimizer, companions } = onBackend(hostBackend(), () => readCheckpoint(from));
    try {
      this.#check(state);
      this.#model.loadStateDict(model);
      const now = optimizedPaths(this.#model, this.#optimizer);
      this.#optimizer.loadStateDict(inOrderOf(where, optimizer, state.optimized ?? now, now));
      for (const one of this.#companions) {
        const own = Object.entries(companions).flatMap(([name, t]) =>
          name.startsWith(`${one.key}.`) ? [[name.slice(one.key.length + 1), t] as const] : [],
        );
        one.restore(state.companions?.[one.key], Object.fromEntries(own));
      }
    } finally {
      for (const tensors of [model, optimizer, companions]) dispose(tensors);
    }
    this.#optimizer.lr = state.lr;
    const untrained = new Set(state.untrained);
    for (const [name, parameter] of this.#model.namedParameters()) parameter.requiresGrad = !untrained.has(name);
    const evaluating = new Set(state.evaluating);
    // A module comes before those inside it, whose own mode then stands.
    for (const [name, module] of this.#model.namedModules()) module.train(!evaluating.has(name));
    for (const [name, module] of this.#model.namedModules()) {
      if (Object.hasOwn(state.extra, name)) setExtraState(name, module, state.extra[name]);
    }
    this.#passStart = state.passStart;
    this.#now = state.generators;
    this.#lastStep = state.position.step;
    this.#restore(this.#passStart);
    const pass = await passFrom(this.#data, state.position.batch);
    this.#restore(this.#now);
    return { position: state.position, pass };
  }

  #check({ length, generators, companions = {} }: CheckpointState): void {
    const [kept, asked] = [Object.keys(companions), this.#companions.map(({ key }) => key)];
    if (kept.length !== asked.length || asked.some((key) => !kept.includes(key))) {
      const listed = (keys: readonly string[]): string => (keys.length === 0 ? "none" : keys.join(", "));
      throw new ArgumentError({
        where,
        expected: `options whose state the checkpoint holds: ${listed(kept)}`,
        received: listed(asked),
        cure: "Pass the same options.",
      });
    }
    const own = this.#data.length ?? null;
    if (length !== own) {
      throw new ArgumentError({
        where,
        expected: `${length ?? "an unknown number of"} batches in a pass, as when the checkpoint was taken`,
        received: String(own ?? "an unknown number"),
        cure: "Pass the same data in batches of the same size.",
      });
    }
    if (generators.length !== this.#generators.length) {
      throw new ArgumentError({
        where,
        expected: `${generators.length} generators, as when the checkpoint was taken`,
        received: String(this.#generators.length),
        cure: "Pass the same data and { generators }.",
      });
    }
  }
}

/** Hands a module what it remembered. @throws FormatError where the file says something that it never gave */
function setExtraState(name: string, module: AnyModule, extra: unknown): void {
  try {
    module.setExtraState(extra);
  } catch (cause) {
    const received = (JSON.stringify(extra) ?? "none").slice(0, 100);
    const [expected, cure] = [`what ${module} at ${name} remembers`, "Use an older copy, or start anew."];
    throw new FormatError({ where: "checkpoint", expected, received, cure }, { cause });
  }
}

function dispose(tensors: Readonly<Record<string, Tensor>>): void {
  for (const t of Object.values(tensors)) t.dispose();
}
