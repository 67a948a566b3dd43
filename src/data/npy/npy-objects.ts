/** What an opcode leaves that is no text and no number: a class, a call, a tuple. It is never looked up or run. */
const inert = Symbol("inert");
const mark = Symbol("mark");

/**
 * The texts and numbers in a pickled array of objects, or null if it holds anything else, or is none. Pickle is a
 * program; of its opcodes only those are known that push values, and those that name or call code leave a blank.
 */
export function pickledValues(bytes: Uint8Array, length: number): readonly (string | number | boolean)[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stack: unknown[] = [];
  const memo = new Map<number, unknown>();
  let at = 0;
  const text = (size: number): string => {
    at += size;
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(at - size, at));
  };
  const skip = (size: number): void => {
    at += size;
  };
  const push = (value: unknown): void => void stack.push(value);
  const remember = (key: number): void => void memo.set(key, stack.at(-1));
  const uint = (size: 1 | 2 | 4): number => {
    at += size;
    return size === 1
      ? view.getUint8(at - 1)
      : size === 2
        ? view.getUint16(at - 2, true)
        : view.getUint32(at - 4, true);
  };
  /** A class or a function, by two lines of text. */
  const global = (): void => {
    for (let lines = 0; lines < 2; at++) if (view.getUint8(at) === 10) lines++;
    push(inert);
  };
  /** Everything above the last mark, which is taken too. */
  const aboveMark = (): unknown[] => {
    const values = stack.splice(stack.lastIndexOf(mark));
    return values.slice(1);
  };
  const take = (count: number): void => {
    stack.splice(-count, count, inert);
  };
  const steps: Readonly<Record<string, () => void>> = {
    "\x80": () => skip(1), // PROTO
    "\x95": () => skip(8), // FRAME
    c: global,
    "\x93": () => take(2), // STACK_GLOBAL
    R: () => take(2), // REDUCE
    b: () => void stack.pop(), // BUILD
    q: () => remember(uint(1)),
    r: () => remember(uint(4)),
    "\x94": () => remember(memo.size), // MEMOIZE
    h: () => push(memo.get(uint(1))),
    j: () => push(memo.get(uint(4))),
    "(": () => push(mark),
    ")": () => push(inert),
    t: () => void stack.splice(stack.lastIndexOf(mark), Number.POSITIVE_INFINITY, inert),
    "\x85": () => take(1),
    "\x86": () => take(2),
    "\x87": () => take(3),
    "]": () => push([]),
    N: () => push(inert),
    "\x88": () => push(true),
    "\x89": () => push(false),
    K: () => push(uint(1)),
    M: () => push(uint(2)),
    J: () => push(uint(4) | 0),
    G: () => {
      push(view.getFloat64(at));
      skip(8);
    },
    // SHORT_BINBYTES
    C: () => {
      skip(uint(1));
      push(inert);
    },
    X: () => push(text(uint(4))),
    "\x8c": () => push(text(uint(1))),
  };
  let list: unknown[] | null = null;
  try {
    for (let code = ""; code !== "."; ) {
      code = String.fromCharCode(view.getUint8(at++));
      if (code === "e" || code === "a") {
        const values = code === "e" ? aboveMark() : [stack.pop()];
        const target = stack.at(-1);
        if (!Array.isArray(target)) return null;
        for (const value of values) target.push(value);
        list = target;
      } else if (code !== ".") {
        if (!Object.hasOwn(steps, code)) return null;
        steps[code]();
      }
    }
  } catch {
    return null;
  }
  const isWhole =
    list?.length === length && list.every((value) => ["string", "number", "boolean"].includes(typeof value));
  return isWhole ? (list as (string | number | boolean)[]) : null;
}
