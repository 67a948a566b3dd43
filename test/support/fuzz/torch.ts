import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readTorch, scope } from "evenkeel";
import type { Draw } from "./draw.js";
import { damagedBytes, several } from "./mutate.js";
import { target } from "./target.js";

const names = ["tensors.pt", "legacy.pt", "checkpoint.pth", "eights.pt"];
const files = names.map((name) => readFileSync(join(import.meta.dirname, "../../fixtures/torch-files", name)));

/** Instructions of pickles, those that make, remember and take values among them. */
const instructions = [..."(}]).tq2R0NJKMXcbQsue", "\x85", "\x86", "\x87", "\x8a", "\x8b", "\x93", "\x94", "\x81"].map(
  (one) => one.charCodeAt(0),
);
const numbers = [0, 1, 3, 255, 2 ** 16, 2 ** 24, 2 ** 31, 2 ** 32 - 1];

/** Where a pickle stands in a file: behind its first instruction, up to its last. */
function pickleIn(bytes: Uint8Array): readonly [start: number, end: number] {
  const text = Buffer.from(bytes).toString("latin1");
  const start = text.indexOf("\x80\x02");
  return [start, Math.max(start + 1, text.lastIndexOf("tRq"))];
}

/** A pickle that asks for many values in few bytes, in the format of files before PyTorch 1.6. */
function many(draw: Draw): Uint8Array {
  const one = draw.pick([[0x7d], [0x5d, 0x71, 1], [0x28], [0x32], [0x4e], [0x29, 0x94]]);
  const count = draw.pick([10, 1000, 300_000, 1_000_000]);
  const magic = files[1].subarray(0, 15);
  const bytes = new Uint8Array(magic.length + 2 + one.length * count + 1);
  bytes.set(magic);
  bytes.set([0x80, 2], magic.length);
  for (let k = 0; k < count; k++) bytes.set(one, magic.length + 2 + k * one.length);
  bytes[bytes.length - 1] = 0x2e;
  return bytes;
}

export const torchFile = target<Uint8Array>({
  name: "files of PyTorch",
  sizeOf: ({ length }) => length,
  make(draw) {
    if (draw === null) return files[0];
    if (draw.once(40)) return many(draw);
    const bytes = Uint8Array.from(draw.pick(files));
    const view = new DataView(bytes.buffer);
    const [start, end] = pickleIn(bytes);
    const isPickle = !draw.once(3);
    several(draw, () => {
      const at = isPickle ? start + draw.below(end - start) : draw.below(bytes.length - 8);
      const kind = draw.below(4);
      if (kind === 0) bytes[at] = draw.pick(instructions);
      else if (kind === 1 && at + 4 <= bytes.length) view.setUint32(at, draw.pick(numbers), true);
      else if (kind === 2) bytes.copyWithin(at, start + draw.below(end - start), start + draw.below(end - start));
      else bytes[at] = draw.below(256);
    });
    return draw.once(8) ? damagedBytes(draw, bytes) : bytes;
  },
  read: (bytes) => scope(() => Object.keys(readTorch(bytes))),
});
