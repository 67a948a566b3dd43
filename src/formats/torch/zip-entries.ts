import { shown } from "../../shown.js";
import type { FileBudget } from "../file-budget.js";
import type { Fault } from "./fault.js";

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
const entrySignature = 0x02014b50;
const localSignature = 0x04034b50;
/** The end of a zip may have a comment of so many bytes. */
const longestComment = 0xffff;
/** A field with this value is told in 64 bits elsewhere. */
const elsewhere = 0xffffffff;

/** Whether bytes begin as a zip does. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes.length >= 22 && bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
}

/** Bytes by the name of their entry. */
export interface ZipEntries {
  readonly names: readonly string[];
  /** The bytes of an entry, a view of the file; undefined if there is none. @throws FormatError if it is packed */
  readonly get: (name: string) => Uint8Array | undefined;
}

/** The entries of a zip that packs nothing, as PyTorch writes it. */
export function zipEntries(bytes: Uint8Array, budget: FileBudget, fault: Fault): ZipEntries {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { count, start } = directoryOf(view, fault);
  const entries = new Map<string, Uint8Array | null>();
  const text = new TextDecoder();
  let at = start;
  for (let k = 0; k < count; k++) {
    budget.spend("parts", 1);
    if (at + 46 > bytes.length || view.getUint32(at, true) !== entrySignature) {
      throw fault(`${count} entries in the zip's directory`, `${k}`);
    }
    const method = view.getUint16(at + 10, true);
    const [nameLength, extraLength] = [view.getUint16(at + 28, true), view.getUint16(at + 30, true)];
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > bytes.length) throw fault("a complete directory of the zip", "one that is cut short");
    const name = text.decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const extra = wideFields(view, at + 46 + nameLength, extraLength);
    const wide = (offset: number): number => {
      const short = view.getUint32(offset, true);
      return short === elsewhere ? (extra.shift() ?? elsewhere) : short;
    };
    const [size, packed] = [wide(at + 24), wide(at + 20)];
    const local = wide(at + 42);
    if (local + 30 > bytes.length || view.getUint32(local, true) !== localSignature) {
      throw fault(`${shown(name)} in the zip`, "none at its place");
    }
    const from = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    if (from + packed > bytes.length) throw fault(`${packed} bytes of ${shown(name)}`, "a file that is cut short");
    entries.set(name, method === 0 && packed === size ? bytes.subarray(from, from + size) : null);
    at = next;
  }
  return {
    names: [...entries.keys()],
    get: (name) => {
      const own = entries.get(name);
      if (own !== null) return own;
      const cure = "Unpack it, and pack it again with `zip -0`; torch.save packs nothing.";
      throw fault("entries of the zip that are stored as they are", `${shown(name)}, which is packed`, cure);
    },
  };
}

/** The 64-bit sizes and place of an entry, of which only those are there that do not fit in 32 bits. */
function wideFields(view: DataView, start: number, length: number): number[] {
  let at = start;
  while (at + 4 <= start + length) {
    const [kind, size] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    if (kind === 1 && at + 4 + size <= start + length) {
      return Array.from({ length: Math.floor(size / 8) }, (_, k) => Number(view.getBigUint64(at + 4 + 8 * k, true)));
    }
    at += 4 + size;
  }
  return [];
}

function directoryOf(view: DataView, fault: Fault): { readonly count: number; readonly start: number } {
  const length = view.byteLength;
  let at = length - 22;
  while (at >= Math.max(0, length - 22 - longestComment) && view.getUint32(at, true) !== endSignature) at--;
  if (at < 0 || view.getUint32(at, true) !== endSignature) {
    throw fault("the directory at the end of a zip", "none: the file is cut short");
  }
  const [count, start] = [view.getUint16(at + 10, true), view.getUint32(at + 16, true)];
  const locator = at - 20;
  if (locator >= 0 && view.getUint32(locator, true) === locator64Signature) {
    const wide = Number(view.getBigUint64(locator + 8, true));
    if (wide + 56 > length || view.getUint32(wide, true) !== end64Signature) {
      throw fault("the directory at the end of a zip", "none at its place");
    }
    return { count: Number(view.getBigUint64(wide + 32, true)), start: Number(view.getBigUint64(wide + 48, true)) };
  }
  return { count, start };
}
