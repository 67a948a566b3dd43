import { maxRank, sizeOf } from "../../shape.js";
import { shown } from "../../shown.js";
import { type NumberType, numberTypes } from "../number-types.js";
import { type Fault, saveState } from "./fault.js";
import type { Makers, Pickled } from "./unpickle.js";

/** Numbers that stand outside the pickle, under a name. */
export interface TorchStorage {
  readonly key: string;
  /** The type in safetensors' words; null where each tensor says it. */
  readonly type: string | null;
  /** How many numbers, or bytes where there is no type. */
  readonly count: number;
}

/** A tensor as a pickle has it: a view of a storage. */
export class StoredTensor {
  readonly storage: TorchStorage;
  readonly type: string;
  /** The first value, counted in numbers, and how far it is to the next along each axis. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(
    storage: TorchStorage,
    type: string,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
  ) {
    this.storage = storage;
    this.type = type;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** A name of PyTorch that a pickle may hold. */
class Known {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/**
 * Types by the class of their storage, and by their own name. Those without a reader are named where a tensor has them.
 */
const storageTypes: Readonly<Record<string, string>> = {
  ...{ FloatStorage: "F32", DoubleStorage: "F64", HalfStorage: "F16", BFloat16Storage: "BF16" },
  ...{ LongStorage: "I64", IntStorage: "I32", ShortStorage: "I16", CharStorage: "I8", ByteStorage: "U8" },
  ...{ BoolStorage: "BOOL", ComplexFloatStorage: "complex64", ComplexDoubleStorage: "complex128" },
  ...{ QInt8Storage: "qint8", QUInt8Storage: "quint8", QInt32Storage: "qint32" },
};
const typeNames: Readonly<Record<string, string>> = {
  ...{ float32: "F32", float64: "F64", float16: "F16", bfloat16: "BF16", float8_e5m2: "F8_E5M2" },
  ...{ float8_e4m3fn: "F8_E4M3", int64: "I64", int32: "I32", int16: "I16", int8: "I8", uint8: "U8", bool: "BOOL" },
  ...{ uint16: "U16", uint32: "U32", uint64: "U64", complex64: "complex64", complex128: "complex128" },
};

const rebuilders = [
  "torch._utils._rebuild_tensor",
  "torch._utils._rebuild_tensor_v2",
  "torch._utils._rebuild_tensor_v3",
  "torch._utils._rebuild_parameter",
  "torch._utils._rebuild_parameter_with_state",
  "torch._tensor._rebuild_from_type_v2",
];
const classes = [
  "collections.OrderedDict",
  "collections.defaultdict",
  "torch.Size",
  "torch.device",
  "torch.Tensor",
  "torch.nn.parameter.Parameter",
  "torch.storage.UntypedStorage",
  "torch.storage.TypedStorage",
];
const names: ReadonlySet<string> = new Set([...rebuilders, ...classes]);

/**
 * Classes of data that training scripts save beside a state dict. They are known by name, so that the file is read, but
 * nothing is made of them.
 */
const besides: ReadonlySet<string> = new Set([
  ...["argparse.Namespace", "_codecs.encode", "datetime.datetime"],
  ...["builtins", "__builtin__"].flatMap((own) =>
    ["bool", "dict", "float", "int", "list", "long", "set", "str"].map((name) => `${own}.${name}`),
  ),
  ...["PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath"].map((name) => `pathlib.${name}`),
  ...["numpy.dtype", "numpy.ndarray"],
  ...["numpy.core", "numpy._core"].flatMap((core) => ["scalar", "_reconstruct"].map((f) => `${core}.multiarray.${f}`)),
]);

/** A value of one of {@link besides}. */
class Beside {}

const takeOut = "Take it out of the state dict, and save that again.";

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every(isWhole);

/** What names in PyTorch's pickles stand for: tensors, dictionaries, and nothing that runs. */
export function torchMakers(fault: Fault): Makers {
  const rebuilt = (
    storage: Pickled,
    offset: Pickled,
    shape: Pickled,
    strides: Pickled,
    own: string | null,
  ): StoredTensor => {
    const isGiven = isStorage(storage) && isWhole(offset) && isCounts(shape) && isCounts(strides);
    const type = own ?? (isStorage(storage) ? storage.type : null);
    if (!isGiven || type === null || strides.length !== shape.length) {
      throw fault("tensors with a storage, an offset, a shape and strides", shown([offset, shape, strides]));
    }
    return new StoredTensor(storage, type, offset, shape, strides);
  };

  const call = (callee: Pickled, args: readonly Pickled[]): Pickled => {
    if (callee instanceof Beside) return callee;
    const name = callee instanceof Known ? callee.name : "";
    const [first, second, third, fourth] = args;
    switch (name) {
      case "collections.OrderedDict":
        if (first === undefined) return new Map();
        if (Array.isArray(first) && first.every((pair) => Array.isArray(pair) && pair.length === 2)) {
          return new Map(first as [Pickled, Pickled][]);
        }
        break;
      case "collections.defaultdict":
        // Its argument makes values that are missing.
        return new Map();
      case "torch.Size":
        if (Array.isArray(first)) return first;
        break;
      case "torch.device":
        return String(first);
      case "torch._utils._rebuild_tensor":
      case "torch._utils._rebuild_tensor_v2":
        return rebuilt(first, second, third, fourth, null);
      case "torch._utils._rebuild_tensor_v3": {
        const type = args[6] instanceof Known ? (typeNames[args[6].name.replace("torch.", "")] ?? null) : null;
        return rebuilt(first, second, third, fourth, type);
      }
      case "torch._utils._rebuild_parameter":
      case "torch._utils._rebuild_parameter_with_state":
        if (first instanceof StoredTensor) return first;
        break;
      case "torch._tensor._rebuild_from_type_v2":
        // The function that rebuilds, the class, and the function's arguments.
        if (first instanceof Known && first.name !== name && Array.isArray(third)) return call(first, third);
        break;
      default:
    }
    throw fault(
      "tensors, dictionaries, lists, numbers and texts",
      `${shown(name)} of ${args.length} values`,
      saveState,
    );
  };

  return {
    call,
    find: (module, name) => {
      const whole = `${module}.${name}`;
      if (names.has(whole)) return new Known(whole);
      if (besides.has(whole)) return new Beside();
      const isTorch = module === "torch" || module === "torch.storage";
      if (isTorch && (Object.hasOwn(storageTypes, name) || Object.hasOwn(typeNames, name))) return new Known(whole);
      throw fault(
        "tensors, dictionaries, lists, numbers and texts",
        `${shown(whole)}, a class or function of Python`,
        saveState,
      );
    },
    outside: (id) => {
      const [kind, type, key, , count] = Array.isArray(id) ? id : [];
      const isKnown = type instanceof Known;
      if (kind !== "storage" || !isKnown || typeof key !== "string" || !isWhole(count)) {
        throw fault("storages of tensors outside the pickle", shown(kind));
      }
      const name = type.name.slice(type.name.lastIndexOf(".") + 1);
      return { key, type: storageTypes[name] ?? null, count } satisfies TorchStorage;
    },
  };
}

function isStorage(value: Pickled): value is TorchStorage {
  return typeof value === "object" && value !== null && "key" in value && "count" in value;
}

/** How numbers of a tensor's type are stored. @param name - of the tensor */
export function numberTypeOf(name: string, { type }: StoredTensor, fault: Fault): NumberType {
  if (Object.hasOwn(numberTypes, type)) return numberTypes[type];
  throw fault("tensors of real or whole numbers, or booleans", `${shown(name)} of ${type}`, takeOut);
}

/** The values of a tensor. @param bytes - of its storage */
export function storedValues(
  name: string,
  t: StoredTensor,
  bytes: Uint8Array,
  { bytes: width, read }: NumberType,
  fault: Fault,
): Float32Array {
  const { shape, strides, offset } = t;
  const size = sizeOf(shape);
  const last = offset + shape.reduce((sum, extent, axis) => sum + Math.max(extent - 1, 0) * strides[axis], 0);
  if (shape.length > maxRank) {
    throw fault(`tensors of at most ${maxRank} axes`, `${shown(name)} of ${shape.length}`, takeOut);
  }
  if (size > 0 && (last + 1) * width > bytes.length) {
    throw fault(`${last + 1} values for ${shown(name)}`, `${bytes.length} bytes of them`);
  }
  const isDense = strides.every((step, axis) => shape[axis] === 1 || step === sizeOf(shape.slice(axis + 1)));
  if (isDense && t.type === "F32") {
    const from = bytes.byteOffset + offset * width;
    return new Float32Array(bytes.buffer.slice(from, from + size * width));
  }
  const values = new Float32Array(size);
  if (size === 0) return values;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const place = new Array<number>(shape.length).fill(0);
  for (let i = 0, from = offset; i < size; i++) {
    values[i] = read(view, from * width);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++place[axis] < shape[axis]) break;
      from -= shape[axis] * strides[axis];
      place[axis] = 0;
    }
  }
  return values;
}
