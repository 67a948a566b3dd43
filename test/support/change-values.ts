import type { Tensor } from "evenkeel";

/** Changes values where they lie, as training does: what was made of them is made anew. */
export function changeValues(t: Tensor | null | undefined, change: (values: Float32Array) => void): void {
  if (t == null) throw new Error("no such tensor");
  const values = t.dataSync();
  change(values);
  t.backend.write(t.block, values);
  t.storage.version++;
}
