import type { Draw } from "./draw.js";

const oddNumbers = [
  ...[0, 1, -1, 2, 3, 7, 64, 255, 256, 65_536, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53],
  ...[1e9, 8000, 1e308, -(2 ** 31), -(2 ** 53), 0.5, 1.5, -0, 1e-320],
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
];
const oddTexts = ["", "0", "-1", "NaN", "__proto__", "constructor", "toString", "../x", "a\0b", "é😀", "x".repeat(300)];

/** A number that readers may not expect. */
export function oddNumber(draw: Draw): number {
  return draw.pick(oddNumbers);
}

/** A text that readers may not expect. */
export function oddText(draw: Draw): string {
  return draw.pick(oddTexts);
}

function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let k = 0; k < levels; k++) value = k % 2 === 0 ? [value] : { a: value };
  return value;
}

/** A value of JSON of any kind. */
export function oddValue(draw: Draw): unknown {
  switch (draw.below(12)) {
    case 0:
      return null;
    case 1:
      return draw.once(2);
    case 2:
      return [];
    case 3:
      return {};
    case 4:
      return [oddNumber(draw), oddNumber(draw)];
    case 5:
      return { name: oddText(draw), length: oddNumber(draw) };
    case 6:
      return draw.once(8) ? deep(draw.pick([10, 250, 1000])) : [[[]]];
    case 7:
    case 8:
      return oddText(draw);
    default:
      return oddNumber(draw);
  }
}

type Node = Record<string, unknown> | unknown[];

function nodesOf(root: unknown): Node[] {
  const found: Node[] = [];
  const waiting = [root];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || found.includes(value as Node)) {
      continue;
    }
    found.push(value as Node);
    waiting.push(...Object.values(value).filter((inner) => inner !== undefined));
  }
  return found;
}

/** A value of the same type that a reader may not expect. */
function oddLike(draw: Draw, value: unknown): unknown {
  if (typeof value === "bigint") {
    return draw.pick([0n, 1n, -1n, 2n, 3n, 255n, 2n ** 31n, 2n ** 53n, 2n ** 62n, -(2n ** 62n)]);
  }
  if (typeof value === "number") return draw.pick([0, 1, 2, 3, 5, 6, 7, 10, 11, 16, -1, 999, 2 ** 31 - 1, 0.5]);
  if (typeof value === "boolean") return !value;
  if (typeof value === "string") return oddText(draw);
  if (value instanceof Uint8Array) return damagedBytes(draw, value);
  return value;
}

/**
 * Changes a tree of objects and lists in place, once: a value is replaced, left out, doubled, renamed, or swapped with
 * one from elsewhere.
 *
 * @param keepTypes - whether values keep their types, as messages of Protocol Buffers must
 */
export function mutateTree(draw: Draw, root: object, keepTypes = false): void {
  const nodes = nodesOf(root).filter((node) => Object.keys(node).length > 0);
  if (nodes.length === 0) return;
  const node = draw.pick(nodes);
  const keys = Object.keys(node).filter((key) => !key.startsWith("$"));
  if (keys.length === 0) return;
  const key = draw.pick(keys);
  const value: unknown = Reflect.get(node, key);
  const set = (next: unknown): void => {
    Object.defineProperty(node, key, { value: next, enumerable: true, writable: true, configurable: true });
  };
  switch (draw.below(8)) {
    case 0:
      if (Array.isArray(node)) node.splice(Number(key), 1);
      else if (!keepTypes) Reflect.deleteProperty(node, key);
      return;
    case 1:
      if (Array.isArray(node)) node.splice(draw.below(node.length + 1), 0, value);
      else if (!keepTypes) {
        Object.defineProperty(node, oddText(draw), { value, enumerable: true, writable: true, configurable: true });
      }
      return;
    case 2: {
      const other = draw.pick(nodes);
      const alike = Object.values(other).filter((one) => typeof one === typeof value && !Array.isArray(one));
      if (alike.length > 0 && (!keepTypes || typeof value !== "object")) set(structuredClone(draw.pick(alike)));
      return;
    }
    case 3:
      if (Array.isArray(value)) value.length = Math.floor(value.length / 2);
      else set(keepTypes ? oddLike(draw, value) : oddValue(draw));
      return;
    case 4:
      if (Array.isArray(value) && value.length > 0) {
        const repeats = draw.pick([2, 3, 50]);
        for (let k = 1; k < repeats; k++) value.push(value[0]);
        return;
      }
      break;
    default:
  }
  if (keepTypes) set(oddLike(draw, value));
  else set(typeof value === "number" && draw.once(2) ? oddNumber(draw) : oddValue(draw));
}

/** Between one change and four, mostly one. */
export function several(draw: Draw, change: () => void): void {
  for (let k = draw.pick([1, 1, 1, 2, 4]); k > 0; k--) change();
}

/** A copy of a JSON value with changes. */
export function damagedJson<T extends object>(draw: Draw | null, value: T): T {
  const copy = structuredClone(value);
  if (draw !== null) several(draw, () => mutateTree(draw, copy));
  return copy;
}

/** JSON with what JSON.stringify would not write: names that stand twice, numbers beyond float64, text cut short. */
export function damagedText(draw: Draw | null, value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  if (draw === null || !draw.once(6)) return text;
  switch (draw.below(4)) {
    case 0:
      return text.slice(0, draw.below(text.length + 1));
    case 1:
      return text.replace(/"(\w+)":/, (name) => `${name}1,${name}`);
    case 2:
      return text.replace(
        /\d+/,
        draw.pick([
          `${"[".repeat(9000)}${"]".repeat(9000)}`,
          "1e999",
          "-0",
          "00",
          "1e-999",
          "123456789012345678901234567890",
        ]),
      );
    default:
      return `${text.slice(0, draw.below(text.length))}${draw.pick(["\\u", '"', "{", "]", "\0", "["])}${text.slice(draw.below(text.length))}`;
  }
}

/** A copy of bytes with changes: cut, swapped, repeated, overwritten. */
export function damagedBytes(draw: Draw, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes);
  const { length } = copy;
  if (length === 0) return Uint8Array.from({ length: draw.below(9) }, () => draw.below(256));
  const at = draw.below(length);
  switch (draw.below(7)) {
    case 0:
      return copy.slice(0, at);
    case 1:
      return copy.slice(at);
    case 2:
      return Uint8Array.from([...copy, ...copy.subarray(at)]);
    case 3:
      copy.copyWithin(at, draw.below(length), length);
      return copy;
    case 4:
      copy.fill(draw.pick([0, 0xff, 0x7f, 0x80]), at, at + 1 + draw.below(8));
      return copy;
    default:
      for (let k = draw.pick([1, 1, 4]); k > 0; k--) copy[draw.below(length)] = draw.below(256);
      return copy;
  }
}
