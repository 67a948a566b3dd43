import { OutOfMemoryError } from "../errors.js";
import type { Backend } from "./backend.js";

/** The error that callers see where a backend had no room for `bytes`, which is a RangeError; any other error is returned as it is. */
export function outOfMemory(
  where: string,
  backend: Pick<Backend, "name" | "bytesInUse" | "bytesAtMost">,
  bytes: number,
  cause: unknown,
): unknown {
  if (!(cause instanceof RangeError)) return cause;
  const used = backend.bytesInUse();
  return new OutOfMemoryError(
    {
      where,
      expected: `room for ${formatBytes(bytes)} on the ${backend.name} backend`,
      received: `a refusal with ${formatBytes(used)} in use`,
      cure: "Use a smaller batch, or open a scope() around each step.",
      ...{ bytes, used, limit: backend.bytesAtMost() },
    },
    { cause },
  );
}

/** A size in bytes as it stands in messages: `1.5 MiB`. */
function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  const k = Math.min(units.length, Math.floor(Math.log2(bytes) / 10));
  return `${Number((bytes / 1024 ** k).toFixed(1))} ${units[k - 1]}`;
}
