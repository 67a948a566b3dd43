import type { BackendName } from "../backend/backend.js";
import { backendOf, onBackend } from "../backend/index.js";
import { ArgumentError } from "../errors.js";
import { moduleTitle } from "../layer-pass.js";
import type { AnyModule } from "../nn/module.js";
import { refreshAll } from "../nn/refresh-all.js";
import { Tensor } from "../tensor.js";
import { copyWithValues, tensorsOf } from "./copy-model.js";

const where = "copyTo(model, backend)";

/**
 * A copy of a model on another backend: to train on a GPU what was loaded on wasm, or to fold, export or look at
 * weights that lie on a GPU, which needs values at once. Parameters, buffers, modes and switches are the same, to the
 * last bit; gradients and listeners are not copied, and the backend in force stays as it is. The optimiser of a copy is
 * a new one.
 *
 * @param model - stays as it is, and its owner's
 * @param name - as {@link setBackend} takes it
 * @throws ArgumentError if there is no such backend, or part of the model cannot be copied since it holds functions
 * @throws BackendError if that backend has not been started
 * @example
 * ```ts
 * const model = new Sequential(new Linear(2, 3), new BatchNorm(3));
 * const exact = await copyTo(model, "cpu");
 * exact.toString(); // "Sequential(Linear(2, 3), BatchNorm(3))"
 * ```
 */
export async function copyTo<Model extends AnyModule>(model: Model, name: BackendName): Promise<Model> {
  const target = backendOf(name, where);
  const modules = model.namedModules();
  await refreshAll(model);
  const held = new Set(tensorsOf(model));
  for (const [, module] of modules) for (const value of Object.values(module)) addTensors(value, held);
  const tensors = [...held];
  const read = await Promise.all(tensors.map((t) => t.data()));
  const values = new Map(tensors.map((t, k) => [t, read[k]]));
  const { model: copy, copies } = onBackend(target, () => copyWithValues(model, values));
  for (const [path, module] of modules) {
    if (copies.get(module) !== module || tensorsOf(module).length === 0) continue;
    throw new ArgumentError({
      where,
      expected: "modules whose properties are numbers, texts, tensors, modules, or plain objects and arrays of them",
      received: `${moduleTitle(module)}${path === "" ? "" : ` at ${path}`}, which holds a function or an object of a class`,
      cure: "Build it anew with that backend in force, and load the state dict of the model.",
    });
  }
  return copy as Model;
}

/** The tensors that a property is or holds, through arrays and plain objects. */
function addTensors(value: unknown, found: Set<Tensor>): void {
  if (value instanceof Tensor) found.add(value);
  else if (Array.isArray(value)) for (const member of value) addTensors(member, found);
  else if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    for (const member of Object.values(value)) addTensors(member, found);
}
