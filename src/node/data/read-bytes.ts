import { readFileSync, statSync } from "node:fs";
import { DataError } from "../../errors.js";

const mostBytes = 2 ** 31 - 1;

/** A file's bytes. @throws DataError if it cannot be read, is empty or larger than 2 GiB */
export function readBytes(where: string, path: string): Uint8Array {
  const fault = (received: string, cure: string, options?: ErrorOptions): DataError =>
    new DataError({ where, expected: "a file that can be read", received, cure }, options);
  let bytes: Uint8Array;
  try {
    const { size } = statSync(path);
    if (size > mostBytes) throw fault(`one of ${size} bytes`, `Split it into files of at most ${mostBytes} bytes.`);
    bytes = readFileSync(path);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw fault(cause instanceof Error ? cause.message : String(cause), "Check the path and its permissions.", {
      cause,
    });
  }
  if (bytes.length === 0) throw fault("an empty file", "Check what wrote it, or name another file.");
  return bytes;
}
