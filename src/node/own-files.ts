import { closeSync, openSync, readSync, statSync } from "node:fs";
import { basename } from "node:path";
import { DataError } from "../errors.js";

/** How a safetensors file begins whose metadata begin with an entry. */
const safetensors = (entry: string): RegExp => new RegExp(`^.{8}\\{"__metadata__":\\{"${entry}":`, "s");
/** How every page begins. */
const page =
  /^<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy"/;

/** The names that Evenkeel chooses for files in a folder that the user names, and how its own of each name begin. */
const marks: Readonly<Record<string, RegExp>> = {
  "model.safetensors": safetensors("evenkeel"),
  "checkpoint.safetensors": safetensors("crc32"),
  "report.html": page,
  "doctor.html": page,
  "compare.html": page,
  "study.html": page,
  "study.json": /^\{\s*"version":/,
  "study.jsonl": /^\{"study":/,
  "metrics.jsonl": /^\{"epoch":\d+,"steps":\d+,"loss":/,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the length of the first record, and the tags of its fields
  "events.out.tfevents.evenkeel": /^\x18\0{7}.{4}\t.{8}\x1a\rbrain\.Event:2/s,
  "history.jsonl": /^\{"kind":"/,
};

/** So much of a file is looked at. */
const looked = 256;

/** Whether a file that is to have one of the names that Evenkeel chooses is free, empty, or was written by Evenkeel. */
export function isOwn(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return true;
  return found.isFile() && (found.size === 0 || (marks[basename(path)]?.test(beginningOf(path)) ?? false));
}

/**
 * Checks that a file which Evenkeel named itself may be written.
 *
 * @param cure - how to name another place
 * @throws DataError if something is there that Evenkeel did not write
 */
export function checkOwn(path: string, cure: string): void {
  if (isOwn(path)) return;
  throw new DataError({
    where: path,
    expected: "no file, or one that Evenkeel wrote",
    received: statSync(path).isFile() ? "a file of somebody else" : "something that is no file",
    cure: `Move it, or ${cure}.`,
  });
}

function beginningOf(path: string): string {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(looked);
    return bytes.subarray(0, readSync(file, bytes, 0, looked, 0)).toString("latin1");
  } finally {
    closeSync(file);
  }
}
