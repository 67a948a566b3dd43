import { tensor } from "../../create.js";
import { checkOptions } from "../../options.js";
import { sizeOf } from "../../shape.js";
import { shown } from "../../shown.js";
import type { Tensor } from "../../tensor.js";
import { FileBudget } from "../file-budget.js";
import { isLegacy, readLegacy, readZip, type TorchArchive } from "./archives.js";
import { torchFault as fault, saveState } from "./fault.js";
import { numberTypeOf, StoredTensor, storedValues } from "./stored-tensors.js";
import type { Pickled } from "./unpickle.js";
import { isZip } from "./zip-entries.js";

/** Options of {@link readTorch}. */
export interface ReadTorchOptions {
  /**
   * Which entry of a dictionary is the state dict, such as `"model_ema"`.
   *
   * @defaultValue the file itself where tensors stand in it, else its only entry that is a dictionary of tensors
   */
  readonly entry?: string;
}

/**
 * Reads the state dict of a file that `torch.save` wrote (`.pt`, `.pth`): `torch.save(model.state_dict(), path)`, or a
 * checkpoint that holds it among other entries. Numbers of every width, real or whole, and booleans become float32;
 * views and shared storages become tensors of their own. The names are the file's: `loadStateDict` tells which prefix,
 * such as `module.`, to take off.
 *
 * The file is a pickle, which in Python may run any code. Here it may hold tensors, parameters, dictionaries, lists,
 * numbers and texts, and beside them what training scripts save: a `Namespace`, numbers of NumPy, paths, sets and
 * dates, of which nothing is made. Any other name is refused, and nothing is run. Entries of a state dict that are no
 * tensors are left out.
 *
 * @param bytes - the zip of PyTorch 1.6 and later, or the format before it
 * @returns tensors by name
 * @throws FormatError if the file is none, is damaged, holds a class or function of Python, or has several state dicts
 * @example
 * ```ts
 * function load(model: Module, bytes: Uint8Array): void {
 *   model.loadStateDict(readTorch(bytes)); // or readTorch(bytes, { entry: "model_ema" })
 * }
 * ```
 */
export function readTorch(bytes: Uint8Array, options: ReadTorchOptions = {}): Record<string, Tensor> {
  checkOptions("readTorch(bytes)", options, { entry: true });
  const { entry } = options;
  if (!(bytes instanceof Uint8Array)) throw fault("a Uint8Array", Object.prototype.toString.call(bytes).slice(8, -1));
  const budget = new FileBudget("readTorch(bytes)", bytes.length);
  const archive = open(bytes, budget);
  const state = stateOf(archive.content, entry);
  const tensors: [string, Tensor][] = [];
  try {
    for (const [name, one] of state) tensors.push([name, tensorOf(name, one, archive, budget)]);
  } catch (cause) {
    for (const [, t] of tensors) t.dispose();
    throw cause;
  }
  return Object.fromEntries(tensors);
}

function open(bytes: Uint8Array, budget: FileBudget): TorchArchive {
  if (isZip(bytes)) return readZip(bytes, budget);
  if (isLegacy(bytes)) return readLegacy(bytes, budget);
  const isPickle = bytes[0] === 0x80 && bytes[1] <= 5;
  throw fault(
    "what torch.save wrote",
    isPickle ? "a pickle of something else" : "a file of another kind",
    isPickle ? saveState : "Check the file; readSafetensors reads .safetensors, importOnnx .onnx.",
  );
}

/** The tensors of a dictionary, by name. */
function tensorsOf(content: Pickled): Map<string, StoredTensor> {
  const found = content instanceof Map ? [...content] : [];
  return new Map(
    found.filter(
      (pair): pair is [string, StoredTensor] => typeof pair[0] === "string" && pair[1] instanceof StoredTensor,
    ),
  );
}

function stateOf(content: Pickled, entry: string | undefined): Map<string, StoredTensor> {
  if (!(content instanceof Map)) {
    const kind = content instanceof StoredTensor ? "a tensor" : Array.isArray(content) ? "a list" : shown(content);
    throw fault("a state dict", kind, saveState);
  }
  const inside = [...content].filter((pair): pair is [string, Map<Pickled, Pickled>] => {
    return typeof pair[0] === "string" && tensorsOf(pair[1]).size > 0;
  });
  const names = inside.map(([name]) => name);
  if (entry !== undefined) {
    const chosen = inside.find(([name]) => name === entry);
    if (chosen !== undefined) return tensorsOf(chosen[1]);
    throw fault(`an entry ${shown(entry)} that is a dictionary of tensors`, listed(names), "Name one that is there.");
  }
  const own = tensorsOf(content);
  if (own.size > 0 && names.length === 0) return own;
  if (own.size === 0 && inside.length === 1) return tensorsOf(inside[0][1]);
  if (names.length === 0 && content.size === 0) return own;
  throw fault(
    "one state dict",
    own.size > 0 ? `tensors, and dictionaries of tensors as ${listed(names)}` : listed(names),
    names.length === 0 ? saveState : `Choose one, as in { entry: ${shown(names[0])} }.`,
  );
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return "none";
  return `${names.slice(0, 8).map(shown).join(", ")}${names.length > 8 ? ", …" : ""}`;
}

function tensorOf(name: string, one: StoredTensor, archive: TorchArchive, budget: FileBudget): Tensor {
  const type = numberTypeOf(name, one, fault);
  const size = sizeOf(one.shape);
  // By what the tensor takes in the file: small numbers grow to four bytes, and views may share what they have.
  budget.spend("values", Math.ceil((size * type.bytes) / 4));
  return tensor(storedValues(name, one, archive.bytesOf(one.storage), type, fault), one.shape);
}
