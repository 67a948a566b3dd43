import { shown } from "../../shown.js";
import type { FileBudget } from "../file-budget.js";
import { type Fault, saveState } from "./fault.js";

/**
 * What a pickle holds: numbers and texts, lists and tuples as arrays, dictionaries as maps, and objects that
 * {@link Makers} made.
 */
export type Pickled = unknown;

/** What names in a pickle stand for. Nothing else is made, so that reading runs no code. */
export interface Makers {
  /** What a name stands for. @throws if it is none that is known */
  readonly find: (module: string, name: string) => Pickled;
  /** What a known name makes of arguments. */
  readonly call: (callee: Pickled, args: readonly Pickled[]) => Pickled;
  /** What stands outside the pickle. */
  readonly outside: (id: Pickled) => Pickled;
}

/** A longer whole number than any that tensors have. */
const longestNumber = 16;

const mark = Symbol("mark");

/** Reads pickles of the protocols 2 to 5, one behind another. */
export class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #makers: Makers;
  readonly #budget: FileBudget;
  readonly #fault: Fault;
  readonly #text = new TextDecoder();
  #at = 0;
  #stack: Pickled[] = [];
  #memo = new Map<number, Pickled>();

  constructor(bytes: Uint8Array, makers: Makers, budget: FileBudget, fault: Fault) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#makers = makers;
    this.#budget = budget;
    this.#fault = fault;
  }

  /** Where the next pickle, or what follows the last one, begins. */
  get position(): number {
    return this.#at;
  }

  /** Reads the next pickle. @throws FormatError if it is damaged, or holds what is not known */
  next(): Pickled {
    this.#stack = [];
    this.#memo = new Map();
    for (;;) {
      this.#budget.spend("work", 1);
      const code = this.#byte();
      if (code === 0x2e) return this.#pop();
      const step = steps[code];
      if (step === undefined) {
        throw this.#fault("a pickle of data alone", `an instruction ${code} at byte ${this.#at - 1}`, saveState);
      }
      step(this.#machine);
    }
  }

  damaged(received: string): Error {
    return this.#fault("a pickle of protocol 2 to 5", received);
  }

  #need(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) throw this.damaged("one that is cut short");
    this.#at += count;
    return at;
  }

  #byte(): number {
    return this.#bytes[this.#need(1)];
  }

  #pop(): Pickled {
    const value = this.#stack.pop();
    if (value === undefined || value === mark) throw this.damaged("an instruction without a value");
    return value === absent ? null : value;
  }

  readonly #machine: Machine = {
    push: (value) => {
      this.#budget.spend("parts", 1);
      this.#stack.push(value === null || value === undefined ? absent : value);
    },
    pop: () => this.#pop(),
    top: () => {
      const value = this.#stack.at(-1);
      if (value === undefined || value === mark) throw this.damaged("an instruction without a value");
      return value === absent ? null : value;
    },
    mark: () => {
      this.#budget.spend("parts", 1);
      this.#stack.push(mark);
    },
    sinceMark: () => {
      const at = this.#stack.lastIndexOf(mark);
      if (at < 0) throw this.damaged("an instruction without a mark");
      const values = this.#stack.splice(at).slice(1);
      return values.map((value) => (value === absent ? null : value));
    },
    last: (count) => {
      if (this.#stack.length < count) throw this.damaged("an instruction without values");
      return Array.from({ length: count }, () => this.#pop()).reverse();
    },
    skip: (count) => void this.#need(count),
    uint: (bytes) => {
      const at = this.#need(bytes);
      if (bytes === 1) return this.#view.getUint8(at);
      if (bytes === 2) return this.#view.getUint16(at, true);
      return bytes === 4 ? this.#view.getUint32(at, true) : Number(this.#view.getBigUint64(at, true));
    },
    int: () => this.#view.getInt32(this.#need(4), true),
    float: () => this.#view.getFloat64(this.#need(8)),
    long: (length) => {
      if (length > longestNumber) throw this.damaged(`a whole number of ${length} bytes`);
      const at = this.#need(length);
      let value = 0n;
      for (let k = length - 1; k >= 0; k--) value = (value << 8n) | BigInt(this.#bytes[at + k]);
      return length === 0 ? 0 : Number(BigInt.asIntN(8 * length, value));
    },
    text: (length) => {
      const at = this.#need(length);
      this.#budget.spend("work", length);
      return this.#text.decode(this.#bytes.subarray(at, at + length));
    },
    line: () => {
      const end = this.#bytes.indexOf(0x0a, this.#at);
      if (end < 0) throw this.damaged("one that is cut short");
      const line = this.#text.decode(this.#bytes.subarray(this.#at, end));
      this.#at = end + 1;
      return line;
    },
    put: (place) => {
      this.#budget.spend("parts", 1);
      const value = this.#stack.at(-1);
      if (value === undefined) throw this.damaged("an instruction without a value");
      this.#memo.set(place ?? this.#memo.size, value);
    },
    get: (place) => {
      const value = this.#memo.get(place);
      if (value === undefined) throw this.damaged(`a value ${place} that it does not hold`);
      this.#stack.push(value);
    },
    makers: (): Makers => this.#makers,
    damaged: (received) => this.damaged(received),
  };
}

/** None, which stands on a stack whose end is undefined. */
const absent = Symbol("None");

/** What instructions work on. */
interface Machine {
  push(value: Pickled): void;
  pop(): Pickled;
  top(): Pickled;
  mark(): void;
  sinceMark(): Pickled[];
  last(count: number): Pickled[];
  skip(count: number): void;
  uint(bytes: 1 | 2 | 4 | 8): number;
  int(): number;
  float(): number;
  long(length: number): number;
  text(length: number): string;
  line(): string;
  /** @param place - where the value is remembered; behind all others if it is not given */
  put(place?: number): void;
  get(place: number): void;
  makers(): Makers;
  damaged(received: string): Error;
}

type Step = (m: Machine) => void;

function addItems(m: Machine, values: readonly Pickled[]): void {
  const into = m.top();
  if (!(into instanceof Map) || values.length % 2 === 1) throw m.damaged("entries of something else than a dictionary");
  for (let k = 0; k < values.length; k += 2) into.set(values[k], values[k + 1]);
}

function addValues(m: Machine, values: readonly Pickled[]): void {
  const into = m.top();
  if (!Array.isArray(into)) throw m.damaged("values of something else than a list");
  for (const value of values) into.push(value);
}

function skipBytes(m: Machine, count: number): void {
  m.skip(count);
  m.push("");
}

function reduce(m: Machine): void {
  const [callee, args] = m.last(2);
  if (!Array.isArray(args)) throw m.damaged(`arguments ${shown(args)}`);
  m.push(m.makers().call(callee, args));
}

/** What each instruction does, by its code: those that pickles of data have. */
const steps: Readonly<Record<number, Step>> = {
  // PROTO, FRAME.
  128: (m) => m.skip(1),
  149: (m) => m.skip(8),
  // MARK, POP, POP_MARK, DUP.
  40: (m) => m.mark(),
  48: (m) => void m.pop(),
  49: (m) => void m.sinceMark(),
  50: (m) => m.push(m.top()),
  // NONE, NEWTRUE, NEWFALSE.
  78: (m) => m.push(null),
  136: (m) => m.push(true),
  137: (m) => m.push(false),
  // BININT, BININT1, BININT2, LONG1, LONG4, BINFLOAT.
  74: (m) => m.push(m.int()),
  75: (m) => m.push(m.uint(1)),
  77: (m) => m.push(m.uint(2)),
  138: (m) => m.push(m.long(m.uint(1))),
  139: (m) => m.push(m.long(m.uint(4))),
  71: (m) => m.push(m.float()),
  // BINUNICODE, SHORT_BINUNICODE, BINUNICODE8, and texts of Python 2.
  88: (m) => m.push(m.text(m.uint(4))),
  140: (m) => m.push(m.text(m.uint(1))),
  141: (m) => m.push(m.text(m.uint(8))),
  84: (m) => m.push(m.text(m.uint(4))),
  85: (m) => m.push(m.text(m.uint(1))),
  // BINBYTES, SHORT_BINBYTES, BINBYTES8, which no tensor has.
  66: (m) => skipBytes(m, m.uint(4)),
  67: (m) => skipBytes(m, m.uint(1)),
  142: (m) => skipBytes(m, m.uint(8)),
  // Dictionaries: EMPTY_DICT, DICT, SETITEM, SETITEMS.
  125: (m) => m.push(new Map()),
  100: (m) => {
    const values = m.sinceMark();
    m.push(new Map());
    addItems(m, values);
  },
  115: (m) => addItems(m, m.last(2)),
  117: (m) => addItems(m, m.sinceMark()),
  // Lists: EMPTY_LIST, LIST, APPEND, APPENDS.
  93: (m) => m.push([]),
  108: (m) => m.push(m.sinceMark()),
  97: (m) => addValues(m, m.last(1)),
  101: (m) => addValues(m, m.sinceMark()),
  // Sets, as lists: EMPTY_SET, ADDITEMS.
  143: (m) => m.push([]),
  144: (m) => addValues(m, m.sinceMark()),
  // Tuples: EMPTY_TUPLE, TUPLE, TUPLE1 to TUPLE3.
  41: (m) => m.push([]),
  116: (m) => m.push(m.sinceMark()),
  133: (m) => m.push(m.last(1)),
  134: (m) => m.push(m.last(2)),
  135: (m) => m.push(m.last(3)),
  // BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET.
  113: (m) => m.put(m.uint(1)),
  114: (m) => m.put(m.uint(4)),
  148: (m) => m.put(),
  104: (m) => m.get(m.uint(1)),
  106: (m) => m.get(m.uint(4)),
  // GLOBAL, STACK_GLOBAL, REDUCE, NEWOBJ, BUILD, BINPERSID.
  99: (m) => {
    const module = m.line();
    m.push(m.makers().find(module, m.line()));
  },
  147: (m) => {
    const [module, name] = m.last(2);
    m.push(m.makers().find(String(module), String(name)));
  },
  82: reduce,
  129: reduce,
  // What objects have besides their values, such as the versions of modules, is not needed.
  98: (m) => void m.pop(),
  81: (m) => m.push(m.makers().outside(m.pop())),
};
