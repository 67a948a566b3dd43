import { FormatError } from "../../../errors.js";
import { FileBudget } from "../../file-budget.js";
import { type JsonObject, parseJsonObject } from "../../json.js";

export { isObject, type JsonObject } from "../../json.js";

/** A refusal of a file whose content makes no sense. */
export function malformed(where: string, expected: string, received: string): FormatError {
  return new FormatError({ where, expected, received, cure: "Check that model.json is complete and unchanged." });
}

/**
 * The object that a model.json holds.
 *
 * @throws FormatError if it holds something else, or is nested too deep for what walks it
 */
export function parseModelJson(where: string, bytes: Uint8Array): JsonObject {
  const fault = (expected: string, received: string): FormatError => malformed(where, expected, received);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw fault("a model.json of TensorFlow.js", "bytes that are no text in UTF-8");
  }
  return parseJsonObject(text, { budget: new FileBudget(where, bytes.length), fault });
}
