import { tensor } from "../create.js";
import { buildArchitecture, describeArchitecture } from "../formats/model-file/architecture.js";
import { type AnyModule, Module } from "../nn/module.js";
import { Reparametrized } from "../nn/reparametrized/reparametrized.js";
import { Tensor } from "../tensor.js";

/** A copy of a model, and which part of it stands for which part of the original. */
export interface ModelCopy {
  /** The copy, on the current backend, in the same mode, without listeners. */
  readonly model: AnyModule;
  /** The copy of each module; one that cannot be copied stands for itself. */
  readonly copies: ReadonlyMap<AnyModule, AnyModule>;
}

/**
 * Copies a model: modules, parameters, buffers, modes and switches. Modules and tensors that stand in two places do so in the copy.
 *
 * Evenkeel's own layers are built anew. Classes of one's own are copied property by property, which cannot reach private fields (`#name`) and
 * what functions have captured: modules with such are not copied but used by both, with all inside them.
 */
export function copyModel(model: AnyModule): ModelCopy {
  const copies = new Map<AnyModule, AnyModule>();
  const tensors = new Map<Tensor, Tensor>();
  const copyTensor = (t: Tensor): Tensor => {
    const known = tensors.get(t);
    if (known !== undefined) return known;
    const copy = tensor(t.dataSync(), t.shape, { requiresGrad: t.isParameter });
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
    const layer = copyLayer(module, copyTensor);
    const copy = layer ?? (isCopyable(module) ? module.copyShell(copyTensor) : module);
    copies.set(module, copy);
    if (layer === null && copy !== module) {
      for (const [key, value] of Object.entries(module)) {
        // What listens to the original does not listen to the copy.
        if (key !== "forward" || !module.hooked) Reflect.set(copy, key, copyValue(value));
      }
    }
    return copy;
  };
  return { model: copyModule(model), copies };
}

/** A copy of one of Evenkeel's own layers, which know how they are built; null for other classes, and for what holds layers. */
function copyLayer(layer: AnyModule, copyTensor: (t: Tensor) => Tensor): AnyModule | null {
  const architecture = layer.children().length === 0 ? describeArchitecture(layer) : null;
  if (architecture === null) return null;
  const copy = buildArchitecture(architecture).train(layer.training);
  const state = layer.stateDict();
  copy.loadStateDict(state, { strict: false });
  for (const t of Object.values(state)) t.dispose();
  for (const [key, built] of Object.entries(copy)) {
    const isBuffer = built instanceof Tensor && !built.isParameter;
    const value: unknown = Reflect.get(layer, key);
    if (isBuffer || !(built instanceof Tensor || built === null)) continue;
    Reflect.set(copy, key, value instanceof Tensor ? copyTensor(value) : value);
    built?.dispose();
  }
  // The layer inside applies the bias.
  if (copy instanceof Reparametrized) copy.layer.bias = copy.bias;
  const extra = layer.getExtraState();
  if (extra !== null) copy.setExtraState(extra);
  return copy;
}

/** Whether copying the properties of a module copies all of it. */
function isCopyable(module: AnyModule): boolean {
  for (let p = Object.getPrototypeOf(module); p !== null && p !== Module.prototype; p = Object.getPrototypeOf(p)) {
    // Private fields, also as compilers write them for old engines.
    if (/#[\w$]|__classPrivateField|WeakMap/.test(sourceOf(p.constructor))) return false;
  }
  return Object.entries(module).every(([key, value]) => (key === "forward" && module.hooked) || isCopyableValue(value));
}

function isCopyableValue(value: unknown): boolean {
  if (typeof value === "function")
    return !/\bthis\b|\bsuper\b/.test(sourceOf(value)) && !value.name.startsWith("bound ");
  if (typeof value !== "object" || value === null || value instanceof Module || value instanceof Tensor) return true;
  return (Array.isArray(value) || isPlain(value)) && Object.values(value).every(isCopyableValue);
}

function sourceOf(value: unknown): string {
  return typeof value === "function" ? Function.prototype.toString.call(value) : "";
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
