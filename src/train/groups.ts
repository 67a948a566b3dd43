import type { Batch } from "../data/dataset.js";
import type { Data } from "./step.js";

/** Batches in groups of so many, the last one shorter where they do not divide: the batches of one step each. */
export async function* inGroups<Target>(pass: Data<Target>, size: number): AsyncGenerator<readonly Batch<Target>[]> {
  let group: Batch<Target>[] = [];
  for await (const batch of pass) {
    group.push(batch);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
