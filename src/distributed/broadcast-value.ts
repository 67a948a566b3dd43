import type { Communicator } from "../communicator.js";

/** The value of rank 0, which must survive JSON, on every rank. @param value - null on the others */
export function broadcastValue<Value>(communicator: Communicator, value: Value | null): Value {
  if (communicator.size === 1) return value as Value;
  const mine = communicator.rank === 0 ? new TextEncoder().encode(JSON.stringify(value)) : new Uint8Array();
  const length = Float64Array.of(mine.length);
  communicator.broadcast(length, 0, "length of the run's settings");
  const bytes = new Float64Array(length[0]);
  if (communicator.rank === 0) bytes.set(mine);
  communicator.broadcast(bytes, 0, "the run's settings");
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes)));
}
