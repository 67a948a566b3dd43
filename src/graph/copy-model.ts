import { backend as currentBackend } from "../backend/index.js";
import { tensor } from "../create.js";
import { type AnyModule, Module } from "../nn/module.js";
import { Tensor } from "../tensor.js";
import { assign, copyOf } from "../tensor-copies.js";

/** A copy of a model, and which part of it stands for which part of the original. */
export interface ModelCopy {
  /** The copy, on the current backend, in the same mode, without listeners. */
  readonly model: AnyModule;
  /** The copy of each module; one that cannot be copied stands for itself. */
  readonly copies: ReadonlyMap<AnyModule, AnyModule>;
}

/**
 * Copies a model: modules, parameters, buffers, modes and switches. Modules and tensors that stand in two places do so
 * in the copy.
 *
 * Layers whose class states what its constructor takes ({@link Module.traits}) are built anew, and so are graphs. Other
 * classes of one's own are copied property by property. A module whose properties hold functions, or objects that are
 * neither plain nor modules nor tensors, is not copied but used by both, with all inside it, since such may refer to
 * the original. Private fields (`#name`) cannot be seen: a class that has them states its constructor's arguments; else
 * it is used by both where its copy cannot say what it holds, or fails in `run`, and that copy fails later where
 * neither tells.
 *
 * @param run - applies the copy: a class whose copy fails for want of its private fields is then found out, and used by
 * both
 */
export function copyModel(model: AnyModule, run?: (copy: AnyModule) => void): ModelCopy {
  const shared = new Set<AnyModule>();
  for (;;) {
    const copied = copyAll(model, shared, new Map());
    const unfinished = run === undefined ? [] : unfinishedIn(copied, run);
    if (unfinished.length === 0) return copied;
    for (const module of unfinished) shared.add(module);
    const original = new Set(tensorsOf(model));
    for (const t of tensorsOf(copied.model)) if (!original.has(t)) t.dispose();
  }
}

/**
 * The modules of one's own classes whose copies did not come to their end, where running one failed for want of private
 * fields.
 */
function unfinishedIn({ model, copies }: ModelCopy, run: (copy: AnyModule) => void): AnyModule[] {
  const unfinished = new Set<AnyModule>();
  const stops = [...copies].flatMap(([original, copy]) => {
    if (copy === original || original.constructorArguments() !== null) return [];
    unfinished.add(original);
    return [copy.onForward(() => unfinished.delete(original))];
  });
  try {
    run(model);
    return [];
  } catch (error) {
    if (error instanceof TypeError) return [...unfinished];
    throw error;
  } finally {
    for (const stop of stops) stop();
  }
}

/**
 * As {@link copyModel}, of tensors whose values have been read already, as those of a device that does not answer at
 * once.
 */
export function copyWithValues(model: AnyModule, values: ReadonlyMap<Tensor, Float32Array>): ModelCopy {
  return copyAll(model, new Set(), values);
}

function copyAll(
  model: AnyModule,
  shared: ReadonlySet<AnyModule>,
  values: ReadonlyMap<Tensor, Float32Array>,
): ModelCopy {
  const copies = new Map<AnyModule, AnyModule>();
  const tensors = new Map<Tensor, Tensor>();
  /** Made by constructors, such as the initial weights of a layer. */
  const initial = new Set<Tensor>();
  const copyTensor = (t: Tensor, into?: Tensor): Tensor => {
    const given = values.get(t);
    if (into !== undefined && given === undefined) assign(t, into);
    else if (into !== undefined && given !== undefined) {
      into.backend.write(into.block, given);
      into.storage.version++;
    }
    const known = tensors.get(t);
    if (known !== undefined) return known;
    const isHere = given === undefined && t.backend === currentBackend();
    const copy = into ?? (isHere ? copyOf("tensor", t) : tensor(given ?? t.dataSync(), t.shape));
    if (into === undefined && t.isParameter) copy.requiresGrad = true;
    if (t.isParameter) copy.requiresGrad = t.requiresGrad;
    tensors.set(t, copy);
    return copy;
  };
  const copyValue = (value: unknown): unknown => {
    if (value instanceof Module) return copyModule(value);
    if (value instanceof Tensor) return copyTensor(value);
    if (Array.isArray(value)) return value.map(copyValue);
    return isPlain(value) ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, copyValue(v)])) : value;
  };
  const copyModule = (module: AnyModule): AnyModule => {
    const known = copies.get(module);
    if (known !== undefined) return known;
    const properties = Object.entries(module);
    // What else a constructor that was run again has made, such as a communicator, is as good as the original's.
    const isBuilt = module.constructorArguments() !== null;
    const copied = properties.filter(([, value]) => !isBuilt || isCopyableValue(value));
    const isCopyable = !shared.has(module) && copied.every(([, value]) => isCopyableValue(value));
    const copy = isCopyable ? copyWith(module, copied) : null;
    copies.set(module, copy ?? module);
    return copy ?? module;
  };
  /**
   * The copy of a module with these properties; null if it cannot say what it is and holds, for want of private fields.
   */
  const copyWith = (module: AnyModule, properties: readonly [key: string, value: unknown][]): AnyModule | null => {
    try {
      const copy = module.copyShell(copyValue, copyTensor);
      // A part that refers back to this module finds its copy.
      copies.set(module, copy);
      for (const t of tensorsOf(copy)) initial.add(t);
      for (const [key, value] of properties) Reflect.set(copy, key, copyValue(value));
      for (const ask of [
        () => copy.children(),
        () => copy.ownParameters(),
        () => copy.getExtraState(),
        () => `${copy}`,
      ])
        ask();
      return copy;
    } catch (error) {
      if (error instanceof TypeError) return null;
      throw error;
    }
  };
  const copy = copyModule(model);
  // A constructor may also have taken over tensors that it did not make: those of a module that was not copied, or of a
  // copy.
  const used = new Set([...tensors.keys(), ...tensors.values(), ...tensorsOf(model), ...tensorsOf(copy)]);
  for (const t of initial) if (!used.has(t)) t.dispose();
  return { model: copy, copies };
}

/** Changes a copy, and frees what it does not hold any more. */
export function changeCopy(copy: AnyModule, change: () => void): void {
  const before = tensorsOf(copy);
  change();
  const kept = new Set(tensorsOf(copy));
  for (const t of before) if (!kept.has(t)) t.dispose();
}

/** All memory that a model holds. */
export function tensorsOf(model: AnyModule): Tensor[] {
  return model.namedModules().flatMap(([, module]) => module.ownTensors());
}

function isCopyableValue(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return typeof value !== "function";
  if (value instanceof Module || value instanceof Tensor) return true;
  return (Array.isArray(value) || isPlain(value)) && Object.values(value).every(isCopyableValue);
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
