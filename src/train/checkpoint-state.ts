import { isObject, type JsonObject } from "../formats/json.js";
import { shown } from "../shown.js";
import type { CheckpointState } from "./checkpoint.js";

type Check = (value: unknown) => boolean;

const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber: Check = (value) => typeof value === "number" && value >= 0;
const isText: Check = (value) => typeof value === "string";
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

const isWord: Check = (value) => isCount(value) && (value as number) <= 0xffffffff;
const isGenerator: Check = (value) => Array.isArray(value) && value.length === 4 && value.every(isWord);

/** What each entry of a checkpoint's state must be; those of the position stand under its own name. */
const checks: Readonly<Record<string, readonly [check: Check, expected: string]>> = {
  "position.epoch": [isCount, "a count"],
  "position.batch": [isCount, "a count"],
  "position.step": [isCount, "a count"],
  // A sum that left float64 is null in JSON.
  "position.loss": [orNull((value) => typeof value === "number"), "a number"],
  "position.correct": [orNull(isCount), "a count or null"],
  "position.samples": [isCount, "a count"],
  "position.seconds": [isNumber, "a number ≥ 0"],
  length: [orNull(isCount), "a count or null"],
  lr: [isNumber, "a number ≥ 0"],
  passStart: [listOf(isGenerator), "a list of states of generators"],
  generators: [listOf(isGenerator), "a list of states of generators"],
  evaluating: [listOf(isText), "a list of paths"],
  untrained: [listOf(isText), "a list of paths"],
  extra: [isObject, "an object"],
  evenkeel: [isText, "a version"],
};

/** Refuses what no `fit()` wrote, though its checksum is right. `fault` makes the error. */
export function checkState(
  head: JsonObject,
  fault: (expected: string, received: string) => Error,
): CheckpointState & { readonly evenkeel: string } {
  for (const [path, [check, expected]] of Object.entries(checks)) {
    const value = path.split(".").reduce((part: unknown, name) => (isObject(part) ? part[name] : undefined), head);
    if (!check(value)) throw fault(`${expected} as ${path}`, shown(value));
  }
  return head as unknown as CheckpointState & { readonly evenkeel: string };
}
