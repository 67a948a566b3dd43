import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, deflateRawSync, gzipSync } from "node:zlib";
import { EvenkeelError, onWarning } from "evenkeel";
import { loadData } from "evenkeel/node";
import fc from "fast-check";
import { zipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { idxBytes, temporaryFolder } from "../support/idx-files.js";
import { npyBytes, npzBytes } from "../support/npy-files.js";

let folder = "";
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const x = npyBytes(
  "<f4",
  [12, 2],
  Float32Array.from({ length: 24 }, (_, k) => k),
);
const y = npyBytes(
  "<i8",
  [12],
  BigInt64Array.from({ length: 12 }, (_, k) => BigInt(k % 3)),
);
const csv = new TextEncoder().encode(
  `a,"b ""c""",y\n${Array.from({ length: 12 }, (_, k) => `${k},"t\n${k % 2}",${k % 3}`).join("\n")}\n`,
);
const images = idxBytes([12, 2, 2], new Uint8Array(48));
const labels = idxBytes(
  [12],
  Uint8Array.from({ length: 12 }, (_, k) => k % 3),
);

/** Writes bytes where a kind of data has them; returns what to load. */
const kinds: Record<string, { whole: Uint8Array; write: (bytes: Uint8Array) => string }> = {
  csv: { whole: csv, write: (bytes) => file("data.csv", bytes) },
  npz: { whole: npzBytes({ x, y }), write: (bytes) => file("data.npz", bytes) },
  npy: {
    whole: x,
    write(bytes) {
      file("npy/y.npy", y);
      file("npy/x.npy", bytes);
      return join(folder, "npy");
    },
  },
  idx: { whole: images, write: (bytes) => idx("idx", "train-images-idx3-ubyte", bytes) },
  "idx.gz": { whole: gzipSync(images), write: (bytes) => idx("packed", "train-images-idx3-ubyte.gz", bytes) },
};

function file(name: string, bytes: Uint8Array): string {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

function idx(name: string, own: string, bytes: Uint8Array): string {
  file(`${name}/train-labels-idx1-ubyte`, labels);
  file(`${name}/t10k-labels-idx1-ubyte`, labels);
  file(`${name}/t10k-images-idx3-ubyte`, images);
  file(`${name}/${own}`, bytes);
  return join(folder, name);
}

/** The error's line, or null if the data load after all. */
async function errorOf(path: string): Promise<string | null> {
  // What is told is no matter here.
  onWarning(() => {});
  try {
    await loadData(path, path.match(/idx|packed/) ? {} : { split: [0.5, 0.5] });
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(EvenkeelError);
    const { message } = error as Error;
    expect(message).not.toContain("\n");
    expect(message.length).toBeLessThan(1500);
    return message.replaceAll(folder, "FOLDER");
  }
}

const listed = (): string[] => readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();

describe.each(Object.entries(kinds))("%s data", (_, { whole, write }) => {
  test("load whole, and cut short, changed or replaced at random are either loaded or refused in one line; nothing is written", async () => {
    expect(await errorOf(write(whole))).toBe(null);
    const before = listed();
    const change = fc.record({ at: fc.nat(whole.length - 1), bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }) });
    const broken = fc.oneof(
      fc.nat(whole.length - 1).map((length) => whole.slice(0, length)),
      fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
        const bytes = Uint8Array.from(whole);
        for (const { at, bytes: some } of changes) bytes.set(some.subarray(0, whole.length - at), at);
        return bytes;
      }),
      fc.uint8Array({ maxLength: 300 }),
      fc.constant(new Uint8Array(1000)),
      fc.constant(new Uint8Array(1000).fill(255)),
      fc.constant(new TextEncoder().encode('"'.repeat(2000))),
    );
    await fc.assert(
      fc.asyncProperty(broken, async (bytes) => void (await errorOf(write(bytes)))),
      { numRuns: 150 },
    );
    expect(listed()).toEqual(before);
  });
});

/** As many zeros, packed without ever being there, as raw deflate. */
function packedZeros(megabytes: number): Uint8Array {
  const some = deflateRawSync(new Uint8Array(1e6), { finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([...Array.from({ length: megabytes }, () => some), deflateRawSync(new Uint8Array(0))]);
}

/** An NPZ whose `x` unpacks to so many zeros. */
function npzBomb(megabytes: number): Uint8Array {
  const bytes = zipSync({ "x.npy": packedZeros(megabytes) }, { level: 0 });
  const view = new DataView(bytes.buffer);
  const entry = view.getUint32(bytes.length - 6, true);
  view.setUint16(8, 8, true);
  view.setUint16(entry + 10, 8, true);
  for (const at of [22, entry + 24]) view.setUint32(at, 1e6 * megabytes, true);
  return bytes;
}

/** The same as a gzipped IDX file, whose header is for 12 images of 2×2. */
function idxBomb(megabytes: number): Uint8Array {
  const start = deflateRawSync(images.subarray(0, 16), { finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([gzipSync("").subarray(0, 10), start, packedZeros(megabytes), new Uint8Array(8)]);
}

/** A zip of one packed file whose header claims a size. */
function claiming(size: number): Uint8Array {
  const bytes = Uint8Array.from(npzBytes({ x, y }));
  const view = new DataView(bytes.buffer);
  for (let i = 0; i + 46 < bytes.length; i++) {
    if (view.getUint32(i, true) === 0x04034b50) view.setUint32(i + 22, size, true);
    if (view.getUint32(i, true) === 0x02014b50) view.setUint32(i + 24, size, true);
  }
  return bytes;
}

test("length fields beyond the file, bombs, and names twice or outside are refused without the memory they ask for", async () => {
  const header = (shape: string): Uint8Array => {
    const text = `{'descr': '<f8', 'fortran_order': False, 'shape': ${shape}, }`;
    return Uint8Array.from([
      0x93,
      78,
      85,
      77,
      80,
      89,
      1,
      0,
      text.length,
      0,
      ...new TextEncoder().encode(text),
      1,
      2,
      3,
    ]);
  };
  const long = (...extents: number[]): Uint8Array => idxBytes(extents, new Uint8Array(16));
  const nested = zipSync({ "../x.npy": x, "/etc/y.npy": y, "a/x.npy": x });
  const twice = zipSync({ "x.npy": x, "X.npy": x, "y.npy": y });
  const npz = (bytes: Uint8Array): string => kinds["npz"].write(bytes);
  const wideLine = new Uint8Array(2e7).fill(44);
  const before = process.resourceUsage().maxRSS;
  const answers: (string | null)[] = [];
  for (const path of [
    () => npz(claiming(0xfffffff0)),
    () => npz(claiming(1e9)),
    () => npz(npzBomb(1000)),
    () => npz(nested),
    () => npz(twice),
    () => kinds["npy"].write(header("(99999999, 1000)")),
    () => kinds["npy"].write(header("(999999999999999999999,)")),
    () => kinds["idx"].write(long(0xffffffff, 0xffffffff, 0xffffffff)),
    () => kinds["idx.gz"].write(gzipSync(long(0xffffffff, 2, 2))),
    () => kinds["idx.gz"].write(idxBomb(1000)),
    () => kinds["csv"].write(wideLine),
    () => kinds["csv"].write(new TextEncoder().encode(`a,b,y\n"${"x,\n".repeat(3e6)}`)),
  ]) {
    answers.push(await errorOf(path()));
  }
  expect(1024 * (process.resourceUsage().maxRSS - before)).toBeLessThan(2e7 + 2e8);
  expect(answers).toMatchInlineSnapshot(`
    [
      "FOLDER/data.npz: expected unpacked bytes in proportion to the size of the file, got more than 402 bytes give cause for. Unpack the file first if you trust it.",
      "FOLDER/data.npz: expected unpacked bytes in proportion to the size of the file, got more than 402 bytes give cause for. Unpack the file first if you trust it.",
      "FOLDER/data.npz: expected unpacked bytes in proportion to the size of the file, got more than 989110 bytes give cause for. Unpack the file first if you trust it.",
      "FOLDER/data.npz: expected the arrays x and y, or x_train, y_train, x_test and y_test, got none of them. Save them with numpy.savez('data.npz', x=x, y=y).",
      "FOLDER/data.npz: expected a whole NPZ file, got x twice. Save it with numpy.savez.",
      "parseNpy(npy/x.npy): expected 799999992000 bytes of values for shape 99999999×1000, got 3. Check that the file is a complete NPY file.",
      "parseNpy(npy/x.npy): expected 8e+21 bytes of values for shape 1e+21, got 3. Check that the file is a complete NPY file.",
      "parseIdx(FOLDER/idx/train-images-idx3-ubyte): expected 7.9228162458924105e+28 values for shape 4294967295×4294967295×4294967295, got 16. Check that the file is a complete IDX file.",
      "FOLDER/packed/train-images-idx3-ubyte.gz: expected unpacked bytes in proportion to the size of the file, got more than 35 bytes give cause for. Unpack the file first if you trust it.",
      "FOLDER/packed/train-images-idx3-ubyte.gz: expected whole gzipped data, got Cannot create a Buffer larger than 64 bytes. Download or export it again.",
      "data.csv: expected lines of at most 16777216 bytes, got one of 20000000. Check that it is a CSV file.",
      "data.csv, row 2: expected quotes in pairs, got quoted field unterminated. Correct it, or drop such rows ({ skipBadRows: true }).",
    ]
  `);
});
