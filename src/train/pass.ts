import { ArgumentError } from "../errors.js";
import type { Data } from "./step.js";

/** The rest of a pass through the data from a batch on, which itself has not been drawn yet. */
export async function passFrom<Target>(data: Data<Target>, batch: number): Promise<Data<Target>> {
  if (batch === 0) return data;
  if (data.from !== undefined) return data.from(batch);
  const iterator = Symbol.asyncIterator in data ? data[Symbol.asyncIterator]() : data[Symbol.iterator]();
  for (let k = 0; k < batch; k++) {
    if ((await iterator.next()).done !== true) continue;
    throw new ArgumentError({
      where: "fit(model, data, { checkpoint })",
      expected: `at least ${batch} batches in a pass, as when the checkpoint was taken`,
      received: String(k),
      cure: "Pass the same data again.",
    });
  }
  return rest(iterator);
}

async function* rest<Item>(iterator: Iterator<Item> | AsyncIterator<Item>): AsyncGenerator<Item> {
  try {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  } finally {
    await iterator.return?.();
  }
}
