import { FormatError } from "../../errors.js";

/** An object of a JSON file. */
export interface JsonObject {
  [key: string]: unknown;
}

/** How deep lists and objects may stand in each other: networks in networks take eight levels each. */
const maxDepth = 200;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A refusal of a file whose content makes no sense. */
export function malformed(where: string, expected: string, received: string): FormatError {
  return new FormatError({ where, expected, received, cure: "Check that model.json is complete and unchanged." });
}

/** A name as it is printed: without characters that would move a terminal's cursor, and not at any length. */
export function printable(value: unknown): string {
  const text = String(typeof value === "string" ? value : (JSON.stringify(value)?.slice(0, 200) ?? value));
  const plain = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "�");
  return plain.length <= 100 ? plain : `${plain.slice(0, 99)}…`;
}

/**
 * The object that a JSON file holds.
 *
 * @throws FormatError if it holds something else, or is nested too deep for what walks it
 */
export function parseJsonObject(where: string, bytes: Uint8Array): JsonObject {
  checkDepth(where, bytes);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    const received = printable(cause instanceof Error ? cause.message : cause);
    const cure = "Check that the file is a complete model.json.";
    throw new FormatError({ where, expected: "a model.json of TensorFlow.js", received, cure }, { cause });
  }
  if (!isObject(value)) throw malformed(where, "a JSON object", Array.isArray(value) ? "a list" : printable(value));
  return value;
}

function checkDepth(where: string, bytes: Uint8Array): void {
  const [quote, backslash, openList, closeList, openObject, closeObject] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];
  let depth = 0;
  let isText = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (isText) {
      if (byte === backslash) i++;
      else if (byte === quote) isText = false;
    } else if (byte === quote) isText = true;
    else if (byte === closeList || byte === closeObject) depth--;
    else if ((byte === openList || byte === openObject) && ++depth > maxDepth) {
      throw malformed(where, `at most ${maxDepth} lists and objects inside each other`, "more");
    }
  }
}
