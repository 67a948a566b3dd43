/** So many characters of a value stand in a message. */
const longest = 60;
/** So many levels of a value are looked into. */
const deepest = 4;

/**
 * A value of any kind as a message shows it: like JSON, cut short, also where it contains itself or is no JSON at all.
 */
export function shown(value: unknown): string {
  const text = write(value, deepest, longest);
  const plain = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "�");
  return plain.length > longest ? `${plain.slice(0, longest)}…` : plain;
}

/** Writes no more of a value than what is shown of it. */
function write(value: unknown, depth: number, room: number): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, room + 1));
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (ArrayBuffer.isView(value)) return Object.prototype.toString.call(value).slice(8, -1);
  const isList = Array.isArray(value);
  if (depth === 0) return isList ? "[…]" : "{…}";
  let text = "";
  for (const key in value) {
    if (text.length > room) break;
    const part = write(Reflect.get(value, key), depth - 1, room - text.length);
    text += `${text === "" ? "" : ","}${isList ? "" : `${JSON.stringify(key.slice(0, room + 1))}:`}${part}`;
  }
  return isList ? `[${text}]` : `{${text}}`;
}
