/**
 * Memory that only the garbage collector can free: that of tensors outside of every scope. It is told how much hangs on
 * them, and engines call back for what it has found between macrotasks only, so functions that wait let the event loop
 * turn now and then.
 */
import { OutOfMemoryError } from "./errors.js";

/**
 * From this size on the garbage collector is told how much memory hangs on a tensor; smaller ones are told together.
 */
const weightyBytes = 65536;
/** What a small tensor carries, since the collector learns of small ones together. */
const noWeight = new ArrayBuffer(0);
let untoldBytes = 0;
/**
 * Weights that disposed tensors have left, by size: making one may cost as much as clearing its memory, and the
 * gradients of a step weigh as much as those of the step before.
 */
const spareWeights = new Map<number, ArrayBuffer[]>();
let spareBytes = 0;
const spareLimit = 64 << 20;

/** Bytes of tensors handed to the collector since the event loop last turned, less those disposed of by hand. */
let madeBytes = 0;
const madeLimit = 64 << 20;

/** An object that keeps the collector informed of so many bytes by its size; it is never read or written. */
export function takeWeight(bytes: number): ArrayBuffer {
  madeBytes += bytes;
  if (bytes >= weightyBytes) return spareWeight(bytes);
  untoldBytes += bytes;
  if (untoldBytes < weightyBytes) return noWeight;
  untoldBytes -= weightyBytes;
  return spareWeight(weightyBytes);
}

function spareWeight(bytes: number): ArrayBuffer {
  const spare = spareWeights.get(bytes)?.pop();
  if (spare === undefined) return new ArrayBuffer(bytes);
  spareBytes -= bytes;
  return spare;
}

/** Takes back the weight of a tensor of so many bytes that has been disposed of. */
export function leaveWeight(weight: ArrayBuffer, bytes: number): void {
  madeBytes = Math.max(0, madeBytes - bytes);
  const { byteLength } = weight;
  if (byteLength === 0 || spareBytes + byteLength > spareLimit) return;
  spareBytes += byteLength;
  const list = spareWeights.get(byteLength);
  if (list === undefined) spareWeights.set(byteLength, [weight]);
  else list.push(weight);
}

/** Bytes of tensors in use that a scope would have freed: no parameters, buffers, gradients or optimiser state. */
let looseBytes = 0;

/** Counts bytes as such, or no longer (negative). */
export function countLoose(bytes: number): void {
  looseBytes += bytes;
}

/** Bytes in use that a scope around each step would have freed by its end. */
export function bytesOutsideScopes(): number {
  return looseBytes;
}

/** Bytes of tensors handed to the collector since the event loop last turned, and not disposed of by hand. */
export function bytesMade(): number {
  return madeBytes;
}

/** One turn of the event loop, in which the garbage collector's messages arrive. */
function turn(): Promise<void> {
  madeBytes = 0;
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}

/**
 * Lets the event loop turn if much has been made outside of scopes since it last did: what functions that wait anyway
 * do, since a loop that only awaits them would never let the collector's messages in.
 */
export async function turnIfDue(): Promise<void> {
  if (madeBytes > madeLimit) await turn();
}

/**
 * Runs `attempt` and, where memory is refused, lets the event loop turn, in which some may become free, and runs it
 * once more.
 */
export async function retryOnce<T>(attempt: () => T | Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
    await turn();
    return await attempt();
  }
}
