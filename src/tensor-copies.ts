import { hostBackend } from "./backend/index.js";
import { empty, type Tensor, upload } from "./tensor.js";

/** The same values in memory of their own, without graph. */
export function copyOf(origin: string, t: Tensor): Tensor {
  const copy = empty(origin, t.backend, t.shape);
  copyInto(t, copy);
  return copy;
}

/** Overwrites a tensor with the values of another one of as many. */
export function copyInto(from: Tensor, to: Tensor): void {
  const line = { extents: [from.size], xStrides: [1], xOffset: 0, yStrides: [1], yOffset: 0 };
  from.backend.copy(from.block, to.block, line);
  to.storage.version++;
}

/**
 * Overwrites a tensor with the values of another one of as many, on the device where they lie on one; else they go
 * through the host.
 *
 * @throws BackendError if they lie on two backends, and that of the source does not answer at once
 */
export function assign(from: Tensor, to: Tensor): void {
  if (from.backend === to.backend) {
    copyInto(from, to);
    return;
  }
  to.backend.write(to.block, from.dataSync());
  to.storage.version++;
}

/**
 * As {@link assign}, each key from its value: nothing is written before everything can be, and a source may be a target
 * itself.
 */
export function assignAll(sources: ReadonlyMap<Tensor, Tensor>): void {
  const targets = new Set([...sources.keys()].map((to) => to.storage));
  const writes = [...sources].map(([to, from]) => {
    if (from.storage === to.storage) return () => {};
    if (from.backend === to.backend && !targets.has(from.storage)) return () => copyInto(from, to);
    if (from.backend === to.backend) {
      const before = copyOf("loadStateDict", from);
      return () => {
        copyInto(before, to);
        before.dispose();
      };
    }
    const values = from.dataSync();
    return () => {
      to.backend.write(to.block, values);
      to.storage.version++;
    };
  });
  for (const write of writes) write();
}

/**
 * Tensors of the same values that the host can look at; those that are there already are returned, others disposed of.
 */
export async function onHost(tensors: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const host = hostBackend();
  const moved = Object.entries(tensors).map(async ([name, t]): Promise<[string, Tensor]> => {
    if (t.backend.answersAtOnce) return [name, t];
    const values = await t.data();
    t.dispose();
    return [name, upload("data", host, t.shape, values)];
  });
  return Object.fromEntries(await Promise.all(moved));
}
