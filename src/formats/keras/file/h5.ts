import { EvenkeelError, FormatError, MissingPackageError } from "../../../errors.js";
import type { FileBudget } from "../../file-budget.js";
import { halfToNumber } from "../../half.js";
import { printable } from "../../printable.js";

/** An array in an HDF5 file: numbers as float32 or int32, little-endian. */
export interface H5Array {
  readonly shape: readonly number[];
  readonly dtype: "float32" | "int32";
  readonly bytes: Uint8Array;
}

/** A group in an HDF5 file, with all that is in it. */
export interface H5Group {
  /** Texts, and lists of texts. */
  readonly texts: ReadonlyMap<string, string | readonly string[]>;
  readonly groups: ReadonlyMap<string, H5Group>;
  readonly arrays: ReadonlyMap<string, H5Array>;
}

/** So deep may groups lie in groups. */
const deepest = 32;

/** Classes of HDF5's types: H5T_class_t. */
const [wholeNumbers, reals, texts] = [0, 1, 3];

interface Metadata {
  readonly shape: readonly number[] | null;
  readonly type: number;
  readonly size: number;
  readonly signed: boolean;
  readonly vlen: boolean;
  readonly total_size: number;
  readonly virtual_sources?: unknown;
}

interface Entity {
  readonly attrs: Readonly<Record<string, { readonly metadata: Metadata; readonly value: unknown }>>;
  readonly metadata?: Metadata;
  readonly value?: unknown;
  readonly file_id: bigint;
  readonly path: string;
  keys?(): string[];
}

interface Folder extends Entity {
  keys(): string[];
  get(name: string): Entity | { readonly type: string; readonly filename?: string } | null;
  get_link(path: string): string | null;
}

/** What is used of h5wasm. */
interface H5Wasm {
  readonly ready: Promise<{
    readonly FS: { writeFile(path: string, bytes: Uint8Array): void; unlink(path: string): void };
    readonly HEAPU8: Uint8Array;
    activate_throwing_error_handler(): unknown;
    _malloc(bytes: number): number;
    _free(address: number): void;
    get_dataset_data(file: bigint, path: string, count: null, offset: null, strides: null, address: bigint): unknown;
  }>;
  readonly File: new (path: string, mode: "r") => Folder & { close(): unknown };
}

async function loadH5Wasm(where: string): Promise<H5Wasm> {
  try {
    return (await import("h5wasm")) as unknown as H5Wasm;
  } catch (cause) {
    throw new MissingPackageError({ where, package: "h5wasm", purpose: "to read HDF5" }, { cause });
  }
}

/** Files have names of their own in the memory of h5wasm, where nothing else lies. */
let count = 0;

/**
 * Reads an HDF5 file: groups, texts in their attributes, and arrays of numbers. It lies in the memory of h5wasm
 * meanwhile, which sees no other file.
 *
 * @param isRead - whether a group of a name is looked into
 * @throws FormatError if it is damaged, or has links or arrays that lie in other files
 * @throws MissingPackageError if h5wasm is not installed
 */
export async function readH5(
  where: string,
  bytes: Uint8Array,
  budget: FileBudget,
  isRead: (name: string) => boolean,
): Promise<H5Group> {
  const h5 = await loadH5Wasm(where);
  const memory = await h5.ready;
  // Else it prints what it meets.
  memory.activate_throwing_error_handler();
  const path = `evenkeel-${++count}.h5`;
  let file: InstanceType<H5Wasm["File"]> | null = null;
  try {
    memory.FS.writeFile(path, bytes);
    file = new h5.File(path, "r");
    return readGroup(file, "", 0);
  } catch (cause) {
    if (cause instanceof EvenkeelError) throw cause;
    throw fault("a whole HDF5 file", printable(firstLine(cause)), cause);
  } finally {
    attempt(() => file?.close());
    attempt(() => memory.FS.unlink(path));
  }

  function readGroup(folder: Folder, place: string, depth: number): H5Group {
    if (depth > deepest) throw fault(`at most ${deepest} groups inside each other`, "more");
    const groups = new Map<string, H5Group>();
    const arrays = new Map<string, H5Array>();
    for (const name of folder.keys()) {
      budget.spend("parts", 1);
      const own = `${place}/${name}`;
      if (!isRead(name)) continue;
      const entity = linked(folder, own, name);
      if (isFolder(entity)) groups.set(name, readGroup(entity, own, depth + 1));
      else if (entity.metadata !== undefined) arrays.set(name, readArray(entity, own));
    }
    return { texts: readTexts(folder), groups, arrays };
  }

  function linked(folder: Folder, place: string, name: string): Entity {
    const entity = folder.get(name);
    if (entity === null) throw fault("groups and arrays", `${printable(place)}, which is neither`);
    const isLink = !("attrs" in entity) || folder.get_link(place) !== null;
    if (!isLink) return entity as Entity;
    const target = "filename" in entity ? `, which leads to the file ${printable(entity.filename)}` : "";
    throw fault("a file without links, as Keras writes it", `the link ${printable(place)}${target}`);
  }

  function readTexts({ attrs }: Entity): Map<string, string | readonly string[]> {
    const found = new Map<string, string | readonly string[]>();
    for (const [name, attribute] of Object.entries(attrs)) {
      budget.spend("parts", 1);
      const { type, size, total_size: total } = attribute.metadata;
      if (type !== texts) continue;
      budget.spend("unpacked", size * total);
      const { value } = attribute;
      if (typeof value === "string") found.set(name, value);
      else if (Array.isArray(value)) found.set(name, value.map(String));
    }
    return found;
  }

  function readArray(entity: Entity, place: string): H5Array {
    const { metadata } = entity;
    const subject = `numbers in ${printable(place)}`;
    if (metadata === undefined || metadata.shape === null) throw fault(subject, "none");
    const { shape, type, size, total_size: total } = metadata;
    if (metadata.virtual_sources !== undefined) throw fault(`${subject} themselves`, "parts of other arrays");
    if (type !== reals && type !== wholeNumbers) throw fault(subject, `a type of class ${type}`);
    if (!shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0))
      throw fault(subject, "a shape that is none");
    budget.spend("unpacked", size * total);
    budget.spend("values", total);
    const isReal = type === reals;
    const values = isReal && size === 2 ? halves(entity, total) : numbersOf(total === 0 ? [] : entity.value, subject);
    if (values.length !== total) throw fault(`${total} ${subject}`, String(values.length));
    const stored = isReal ? Float32Array.from(values) : Int32Array.from(values);
    return { shape: [...shape], dtype: isReal ? "float32" : "int32", bytes: new Uint8Array(stored.buffer) };
  }

  function numbersOf(value: unknown, subject: string): ArrayLike<number> {
    if (typeof value === "number") return [value];
    if (typeof value === "bigint") return [Number(value)];
    if (value instanceof BigInt64Array || value instanceof BigUint64Array) return Array.from(value, Number);
    if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView)))
      return value as Float64Array;
    throw fault(subject, "none");
  }

  /** Half precision, of which h5wasm gives the bytes alone. */
  function halves(entity: Entity, total: number): Float64Array {
    const address = memory._malloc(2 * total + 2);
    try {
      memory.get_dataset_data(entity.file_id, entity.path, null, null, null, BigInt(address));
      const stored = memory.HEAPU8.slice(address, address + 2 * total);
      const data = new DataView(stored.buffer);
      return Float64Array.from({ length: total }, (_, k) => halfToNumber(data.getUint16(2 * k, true)));
    } finally {
      memory._free(address);
    }
  }

  function fault(expected: string, received: string, cause?: unknown): FormatError {
    const cure = "Check that it is the file that Keras saved, complete and unchanged.";
    return new FormatError({ where, expected, received, cure }, { cause });
  }
}

function isFolder(entity: Entity): entity is Folder {
  return typeof entity.keys === "function";
}

function attempt(act: () => unknown): void {
  try {
    act();
  } catch {}
}

/** The first line of what HDF5 says that tells more than that there was an error. */
function firstLine(cause: unknown): string {
  const lines = String(cause instanceof Error ? cause.message : cause).split("\n");
  const told = lines.find((line) => line.includes(": ") && !line.startsWith("HDF5-DIAG")) ?? lines[0];
  return told.replace(/^.*\bin H5\w+\(\): /, "").trim();
}

/** What stands at a path of groups; undefined where nothing does. */
export function groupAt(root: H5Group, path: readonly string[]): H5Group | undefined {
  return path.reduce<H5Group | undefined>((group, name) => group?.groups.get(name), root);
}
