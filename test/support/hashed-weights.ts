import { type Module, type Shape, type Tensor, tensor } from "evenkeel";

/** Numbers in [0, 1) that depend on a key and an index alone: `hashed` of test/fixtures/networks.py gives the same. */
function hashed(key: string, length: number): Float64Array {
  let start = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(key)) start = Math.imul(start ^ byte, 0x01000193);
  const numbers = new Float64Array(length);
  for (let i = 0; i < length; i++) {
    let h = (start + Math.imul(i, 0x9e3779b9)) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    numbers[i] = ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
  }
  return numbers;
}

/**
 * The value of an entry of a state dict, from its hashed numbers: weights keep the size of activations, norms are near
 * the identity.
 */
function entryValue(key: string, shape: Shape): (u: number) => number {
  const fanIn = shape.slice(1).reduce((product, extent) => product * extent, 1);
  if (key.endsWith("running_var")) return (u) => 0.5 + u;
  if (key.endsWith("running_mean") || key.endsWith("bias")) return (u) => 0.4 * u - 0.2;
  if (fanIn === 1) return (u) => 0.75 + 0.5 * u;
  const bound = Math.sqrt(3 / fanIn);
  return (u) => bound * (2 * u - 1);
}

/** Gives every parameter and running statistic of a network values by a hash of its key and index. */
export function hashWeights<M extends Module>(model: M): M {
  const state: Record<string, Tensor> = {};
  for (const [key, t] of Object.entries(model.stateDict())) {
    const value = entryValue(key, t.shape);
    state[key] = key.endsWith("num_batches_tracked") ? t : tensor(hashed(key, t.size).map(value), t.shape);
  }
  model.loadStateDict(state);
  for (const t of Object.values(state)) t.dispose();
  return model;
}

/** Values in [−1, 1) by a hash of a key and the index. */
export function hashedValues(key: string, shape: Shape): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return tensor(
    hashed(key, size).map((u) => 2 * u - 1),
    shape,
  );
}
