import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parseIdx, parseNpy } from "evenkeel";
import { loadData } from "evenkeel/node";
import { zipSync } from "fflate";
import { idxBytes } from "../idx-files.js";
import { npyBytes } from "../npy-files.js";
import type { Draw } from "./draw.js";
import { damagedBytes, oddNumber, oddText } from "./mutate.js";
import { target } from "./target.js";

const folder = mkdtempSync(join(tmpdir(), "evenkeel-fuzz-"));
const idxFolder = join(folder, "idx");
mkdirSync(idxFolder);

const oddCells = [
  ...[
    "",
    "?",
    "NaN",
    "inf",
    "1e999",
    "-",
    "0x1",
    "1,5",
    "$3",
    '"',
    '""',
    '"a""b"',
    '"a\nb"',
    '"x"y',
    "'",
    "\r",
    "\0",
    "#",
  ],
  ...["9".repeat(2000), `${"1".repeat(3000)}x`, "1.1.1", "__proto__", "é", "\u2028", " ", "\uFEFF"],
];

function csvText(draw: Draw | null): string {
  const rows = Array.from({ length: 30 }, (_, r) => [
    `${r / 2}`,
    `${(r * 7) % 11}`,
    r % 3 === 0 ? "red" : "blue",
    r % 2 ? "yes" : "no",
  ]);
  const table = [["size", "count", "colour", "bought"], ...rows];
  if (draw === null) return table.map((row) => row.join()).join("\n");
  const delimiter = draw.pick([",", ",", ";", "\t", "|"]);
  for (let k = draw.pick([1, 1, 3, 20]); k > 0; k--) {
    const row = draw.pick([0, draw.below(table.length)]);
    const column = draw.below(table[row].length + 1);
    switch (draw.below(6)) {
      case 0:
        table[row].splice(column, 1);
        break;
      case 1:
        table.splice(draw.below(table.length), draw.below(3));
        if (table.length === 0) table.push([]);
        break;
      case 2:
        for (const cells of table) cells[Math.min(column, cells.length)] = draw.pick(oddCells);
        break;
      case 3:
        table[row].push(...new Array(draw.pick([1, 2, 300])).fill(draw.pick(oddCells)));
        break;
      default:
        table[row][column] = draw.once(4) ? String(oddNumber(draw)) : draw.pick(oddCells);
    }
    if (table.length === 0) table.push([]);
  }
  const start = draw.once(8) ? draw.pick(["sep=;\n", "# made by a device\n", "\n\n", "\uFEFF", "sep=;"]) : "";
  return start + table.map((row) => row.join(delimiter)).join(draw.pick(["\n", "\n", "\r\n", "\r"]));
}

const sizeOf = ({ length }: Uint8Array): number => length;

function loaded(name: string, bytes: Uint8Array, draw: Draw | null = null): Promise<unknown> {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  const task = draw?.pick(["regression", "classification"] as const);
  return loadData(path, task === undefined ? { seed: 1 } : { seed: 1, task });
}

export const csv = target<Uint8Array>({
  name: "CSV",
  sizeOf,
  make(draw) {
    const bytes = new TextEncoder().encode(csvText(draw));
    return draw?.once(10) ? damagedBytes(draw, bytes) : bytes;
  },
  async read(bytes) {
    await loaded("table.csv", bytes).catch((error: unknown) =>
      loadData(join(folder, "table.csv"), { skipBadRows: true }).catch(() => {
        throw error;
      }),
    );
  },
});

const types = ["<f4", "<f8", ">f4", "|u1", "|b1", "<i8", "<i2", "<u4", "<f2", "|S3", "|O", "<c8", "=f4", "f4"];

function npy(draw: Draw | null, descr: string, shape: readonly number[], values: ArrayBufferView): Uint8Array {
  if (draw === null) return npyBytes(descr, shape, values);
  const odd = shape.map((extent) => (draw.once(4) ? oddNumber(draw) : extent));
  const many = draw.once(10) ? [...odd, ...new Array(draw.pick([1, 4, 40])).fill(draw.pick([0, 1, 2 ** 31]))] : odd;
  const bytes = npyBytes(draw.once(3) ? draw.pick(types) : descr, many, values);
  if (draw.once(4)) {
    const start = bytes.indexOf(10) + 1;
    const header = new TextDecoder("latin1").decode(bytes.subarray(10, start));
    const changed = draw.pick([
      header.replace("False", draw.pick(["True", "None", "0"])),
      header.replace("'shape'", draw.pick(["'shape': (1,), 'shape'", "'Shape'"])),
      header.replace(/\(.*\)/, draw.pick(["(", "(1", "3", "()", "(,)", "(1.5,)", "(-1,)", `(${"1,".repeat(900)})`])),
      " ".repeat(5000) + header,
    ]);
    const text = new TextEncoder().encode(changed);
    const length = draw.once(3) ? draw.below(65_536) : text.length;
    return Uint8Array.from([...bytes.subarray(0, 8), length & 255, length >> 8, ...text, ...bytes.subarray(start)]);
  }
  return draw.once(2) ? damagedBytes(draw, bytes) : bytes;
}

const x = Float32Array.from({ length: 40 }, (_, k) => Math.sin(k));
const y = Uint8Array.from({ length: 20 }, (_, k) => k % 2);

export const npyFile = target<Uint8Array>({
  name: "NPY",
  sizeOf,
  make: (draw) => npy(draw, "<f4", [20, 2], x),
  read: (bytes) => parseNpy(bytes),
});

export const npz = target<Uint8Array>({
  name: "NPZ",
  sizeOf,
  make(draw) {
    const labels = draw?.once(4) ? npy(draw, "<f4", [20, 2], x) : npy(draw, "|u1", [20], y);
    const names = draw?.once(6) ? [oddText(draw), "y", "Y", "x_train", "x"] : ["x", "y"];
    const arrays = names.map((name, k) => [
      `${name}.npy`,
      k === 0 ? npy(draw?.once(2) ? draw : null, "<f4", [20, 2], x) : labels,
    ]);
    const level = (draw?.pick([0, 6]) ?? 6) as 0 | 6;
    const bytes = zipSync(Object.fromEntries(arrays), { level });
    if (draw === null || !draw.once(2)) return bytes;
    const copy = Uint8Array.from(bytes);
    const view = new DataView(copy.buffer);
    // Sizes and offsets stand in the central directory, at its signature "PK\1\2".
    for (let at = 0; at + 46 < copy.length; at++) {
      if (view.getUint32(at, true) !== 0x02014b50 || draw.once(3)) continue;
      view.setUint32(
        at + draw.pick([10, 16, 20, 24, 42]),
        draw.pick([0, 1, 8, 100, 2 ** 24, 2 ** 30, 2 ** 32 - 1]),
        true,
      );
    }
    return draw.once(3) ? damagedBytes(draw, copy) : copy;
  },
  read: (bytes) => loaded("arrays.npz", bytes),
});

function idx(draw: Draw | null, shape: readonly number[], values: ArrayLike<number>): Uint8Array {
  const odd =
    draw === null
      ? shape
      : shape.map((extent) => (draw.once(3) ? draw.pick([0, 1, 3, 2 ** 16, 2 ** 30, 2 ** 32 - 1]) : extent));
  const bytes = idxBytes(odd, values);
  if (draw?.once(4)) bytes[draw.below(4)] = draw.pick([0, 1, 8, 9, 13, 255]);
  return draw?.once(4) ? damagedBytes(draw, bytes) : bytes;
}

const bomb = gzipSync(Buffer.concat([idxBytes([300_000, 10, 10], []), new Uint8Array(3e7)]), { level: 9 });

function packed(draw: Draw | null, bytes: Uint8Array): Uint8Array {
  const gz = draw?.once(20) ? bomb : gzipSync(bytes, { level: 1 });
  return draw?.once(5) ? damagedBytes(draw, gz) : gz;
}

interface IdxInput {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
  readonly plain: Uint8Array;
}

export const idxFiles = target<IdxInput>({
  name: "IDX, plain and gzipped",
  sizeOf: ({ images, labels }) => images.length + labels.length,
  make(draw) {
    const images = idx(draw, [20, 3, 3], new Array(180).fill(7));
    const labels = idx(draw?.once(2) ? draw : null, [20], y);
    return { images: packed(draw, images), labels: packed(draw?.once(2) ? draw : null, labels), plain: images };
  },
  async read({ images, labels, plain }) {
    for (const prefix of ["train", "t10k"]) {
      writeFileSync(join(idxFolder, `${prefix}-images-idx3-ubyte.gz`), images);
      writeFileSync(join(idxFolder, `${prefix}-labels-idx1-ubyte.gz`), labels);
    }
    await loadData(idxFolder);
    parseIdx(plain);
  },
});
