import { ArgumentError, type FormatError } from "../errors.js";
import { shown } from "../shown.js";
import type { FileBudget } from "./file-budget.js";

/** An object of JSON. */
export interface JsonObject {
  [key: string]: unknown;
}

/** Whether a value is an object with names, as JSON has them: no list, and not null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * What a program gives for a file, as JSON.
 *
 * @throws ArgumentError if it contains itself, or something else that JSON cannot hold
 */
export function toJson(where: string, value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new ArgumentError(
      {
        where,
        expected: "what JSON can hold",
        received: cause instanceof Error ? cause.message.split("\n")[0] : String(cause),
        cure: "Pass plain objects, lists, texts and numbers that do not contain themselves.",
      },
      { cause },
    );
  }
}

/** How deep lists and objects may stand in each other: what walks them goes as deep. */
const deepest = 200;

/** How JSON of a file is read. */
export interface ReadJsonOptions {
  /** Of the file that it stands in. */
  readonly budget: FileBudget;
  /**
   * So many objects, lists and names may be in it at most, whatever the size of the file.
   *
   * @defaultValue by the budget alone
   */
  readonly mostParts?: number;
  /** Makes the refusal of the file. */
  readonly fault: (expected: string, received: string) => FormatError;
}

/**
 * The object that JSON of a file holds. It is walked before anything is made of it: lists and objects are counted, and
 * a name that stands twice in one object, of which JSON.parse would keep the last, is refused.
 *
 * @throws FormatError if it is no JSON, holds something else than an object, or is too deep or large
 */
export function parseJsonObject(text: string, options: ReadJsonOptions): JsonObject {
  const { fault } = options;
  checkParts(text, options);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw fault("JSON", shown(cause instanceof Error ? cause.message : cause));
  }
  if (isObject(value)) return value;
  throw fault("a JSON object", Array.isArray(value) ? "a list" : shown(value));
}

function checkParts(json: string, { budget, mostParts = Number.POSITIVE_INFINITY, fault }: ReadJsonOptions): void {
  const open: (Set<string> | null)[] = [];
  let text = "";
  let parts = 0;
  const most = Math.min(mostParts, budget.left("parts"));
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') {
      const start = i++;
      while (i < json.length && json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
      text = json.slice(start, i + 1);
      continue;
    }
    if (character === "{" || character === "[") open.push(null);
    else if (character === "}" || character === "]") open.pop();
    else if (character === ":") {
      const name = nameOf(text);
      const names = open.pop() ?? new Set();
      if (names.has(name)) throw fault("each name once", `${shown(name)} twice`);
      open.push(names.add(name));
    } else continue;
    if (open.length > deepest) throw fault(`at most ${deepest} lists and objects inside each other`, "more");
    if (++parts > most) throw budget.exceeded("parts");
  }
  budget.spend("parts", parts);
}

/** The text of a name in JSON; as it stands there where it is none, which JSON.parse tells. */
function nameOf(quoted: string): string {
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted);
  } catch {
    return quoted;
  }
}
