import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Generator } from "evenkeel";

/** A folder of its own under the system's temporary one. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "evenkeel-"));
}

/** An IDX file of bytes. */
export function idxBytes(shape: readonly number[], values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length);
  bytes.set([0, 0, 8, shape.length]);
  const view = new DataView(bytes.buffer);
  shape.forEach((extent, axis) => {
    view.setUint32(4 + 4 * axis, extent);
  });
  bytes.set(Uint8Array.from(values), 4 + 4 * shape.length);
  return bytes;
}

/** Writes MNIST's four files with small images of three classes: a bright row whose place is the class, in noise. */
export function writeSmallImages(folder: string, { train = 240, test = 60 } = {}): string {
  mkdirSync(folder, { recursive: true });
  const generator = new Generator(3);
  for (const [prefix, length] of [
    ["train", train],
    ["t10k", test],
  ] as const) {
    const labels = Array.from({ length }, () => generator.below(3));
    const images = labels.flatMap((label) =>
      Array.from({ length: 64 }, (_, k) => (Math.floor(k / 8) === 2 * label + 1 ? 150 : 0) + generator.below(100)),
    );
    writeFileSync(join(folder, `${prefix}-images-idx3-ubyte`), idxBytes([length, 8, 8], images));
    writeFileSync(join(folder, `${prefix}-labels-idx1-ubyte`), idxBytes([length], labels));
  }
  return folder;
}

/**
 * Writes MNIST's four files with small images of ten classes: every tenth pixel is bright, from the class's on, in
 * noise.
 */
export function writeTenClasses(folder: string, { train = 40, test = 20 } = {}): string {
  mkdirSync(folder, { recursive: true });
  const generator = new Generator(4);
  for (const [prefix, length] of [
    ["train", train],
    ["t10k", test],
  ] as const) {
    const labels = Array.from({ length }, (_, k) => k % 10);
    const images = labels.flatMap((label) =>
      Array.from({ length: 64 }, (_, k) => (k % 10 === label ? 150 : 0) + generator.below(100)),
    );
    writeFileSync(join(folder, `${prefix}-images-idx3-ubyte`), idxBytes([length, 8, 8], images));
    writeFileSync(join(folder, `${prefix}-labels-idx1-ubyte`), idxBytes([length], labels));
  }
  return folder;
}
