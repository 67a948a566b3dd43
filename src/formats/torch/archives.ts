import { shown } from "../../shown.js";
import type { FileBudget } from "../file-budget.js";
import { numberTypes } from "../number-types.js";
import { torchFault as fault, saveState } from "./fault.js";
import { type TorchStorage, torchMakers } from "./stored-tensors.js";
import { type Makers, type Pickled, Unpickler } from "./unpickle.js";
import { zipEntries } from "./zip-entries.js";

/** What a file of PyTorch holds, and where the numbers of its tensors lie. */
export interface TorchArchive {
  readonly content: Pickled;
  /** The bytes of a storage. @throws FormatError if there are none */
  readonly bytesOf: (storage: TorchStorage) => Uint8Array;
}

const bigEndian = "Save it on a machine with the other order of bytes, such as any PC.";

const absent = (key: string): Error => fault(`the storage ${shown(key)}`, "none in the file");

/** Reads the zip that torch.save has written since version 1.6. */
export function readZip(bytes: Uint8Array, budget: FileBudget): TorchArchive {
  const entries = zipEntries(bytes, budget, fault);
  const pickles = entries.names.filter((name) => name === "data.pkl" || name.endsWith("/data.pkl"));
  if (pickles.length !== 1) throw fault("a zip with one data.pkl", `${pickles.length}`);
  const [pickle] = pickles;
  const folder = pickle.slice(0, -"data.pkl".length);
  if (entries.names.includes(`${folder}constants.pkl`)) {
    throw fault("what torch.save wrote of a state dict", "a program of TorchScript", saveState);
  }
  const order = entries.get(`${folder}byteorder`);
  if (order !== undefined && new TextDecoder().decode(order) !== "little") {
    throw fault("little-endian numbers", shown(new TextDecoder().decode(order.subarray(0, 20))), bigEndian);
  }
  const content = new Unpickler(entries.get(pickle) as Uint8Array, torchMakers(fault), budget, fault).next();
  return {
    content,
    bytesOf: ({ key }) => {
      const own = entries.get(`${folder}data/${key}`);
      if (own === undefined) throw absent(key);
      return own;
    },
  };
}

/** The number that files of PyTorch before 1.6 begin with, as Python pickles it: a long of ten bytes. */
const magic = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

/** Whether bytes begin as files of PyTorch before 1.6 do. */
export function isLegacy(bytes: Uint8Array): boolean {
  return bytes.length > magic.length && magic.every((byte, k) => bytes[k] === byte);
}

/** Reads what torch.save wrote before version 1.6: five pickles, and the storages behind them. */
export function readLegacy(bytes: Uint8Array, budget: FileBudget): TorchArchive {
  const types = new Map<string, TorchStorage>();
  const own = torchMakers(fault);
  const makers: Makers = {
    ...own,
    outside: (id) => {
      const storage = own.outside(id) as TorchStorage;
      types.set(storage.key, storage);
      return storage;
    },
  };
  const reader = new Unpickler(bytes, makers, budget, fault);
  reader.next();
  const [version, system, content, keys] = [reader.next(), reader.next(), reader.next(), reader.next()];
  if (version !== 1001) throw fault("version 1001 of the format", shown(version));
  if (system instanceof Map && system.get("little_endian") === false) {
    throw fault("little-endian numbers", "big-endian ones", bigEndian);
  }
  if (!Array.isArray(keys)) throw fault("the names of storages", shown(keys));
  const storages = new Map<string, Uint8Array>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = reader.position;
  for (const key of keys) {
    budget.spend("parts", 1);
    const type = types.get(String(key))?.type ?? null;
    const width = type !== null && Object.hasOwn(numberTypes, type) ? numberTypes[type].bytes : null;
    if (width === null) throw fault("storages of real or whole numbers, or booleans", `${shown(key)} of ${type}`);
    const count = at + 8 <= bytes.length ? Number(view.getBigUint64(at, true)) : Number.POSITIVE_INFINITY;
    if (at + 8 + count * width > bytes.length) throw fault(`the storage ${shown(key)}`, "a file that is cut short");
    storages.set(String(key), bytes.subarray(at + 8, at + 8 + count * width));
    at += 8 + count * width;
  }
  return {
    content,
    bytesOf: ({ key }) => {
      const found = storages.get(key);
      if (found === undefined) throw absent(key);
      return found;
    },
  };
}
