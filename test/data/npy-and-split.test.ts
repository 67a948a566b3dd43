import { readFileSync } from "node:fs";
import { EvenkeelError, parseNpy, splitIndices } from "evenkeel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

function npy(descr: string, shape: string, values: Uint8Array, order = "False"): Uint8Array {
  const header = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
  const bytes = [...header].map((letter) => letter.charCodeAt(0));
  return Uint8Array.from([0x93, 78, 85, 77, 80, 89, 1, 0, bytes.length & 255, bytes.length >> 8, ...bytes, ...values]);
}

function parseOrError(bytes: Uint8Array): unknown {
  try {
    return parseNpy(bytes, "x.npy");
  } catch (error) {
    return String(error);
  }
}

describe("parseNpy", () => {
  it("reads big-endian integers", () => {
    const { shape, values } = parseNpy(npy(">i2", "(2, 1)", Uint8Array.of(1, 0, 255, 254)));
    expect(shape).toEqual([2, 1]);
    expect([...values]).toEqual([256, -2]);
  });

  it("reads little-endian floats", () => {
    expect([...parseNpy(npy("<f4", "(1,)", new Uint8Array(Float32Array.of(1.5).buffer))).values]).toEqual([1.5]);
  });

  it("refuses a shape larger than the file before it makes room for it", () => {
    expect(() => parseNpy(npy("<f8", "(99999999, 1000)", new Uint8Array(8)), "x.npy")).toThrow(
      "parseNpy(x.npy): expected",
    );
  });

  it("reads column-major values in the order of their places", () => {
    const stored = npy("|u1", "(2, 3)", Uint8Array.of(1, 4, 2, 5, 3, 6), "True");
    expect([...parseNpy(stored).values]).toEqual([1, 2, 3, 4, 5, 6]);
    const deep = npy("<i2", "(2, 2, 2)", new Uint8Array(Int16Array.of(0, 4, 2, 6, 1, 5, 3, 7).buffer), "True");
    expect([...parseNpy(deep).values]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("reads half floats, whole numbers of 64 bits, and texts", () => {
    const half = new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00, 0x8000).buffer);
    expect([...parseNpy(npy("<f2", "(6,)", half)).values]).toEqual([
      1,
      -2,
      65504,
      2 ** -24,
      Number.POSITIVE_INFINITY,
      -0,
    ]);
    const whole = npy("<u8", "(2,)", new Uint8Array(BigUint64Array.of(3n, 2n ** 40n).buffer));
    expect([...parseNpy(whole).values]).toEqual([3, 2 ** 40]);
    const letters = new Uint8Array(Uint32Array.from([..."antü"], (letter) => letter.codePointAt(0) ?? 0).buffer);
    expect(parseNpy(npy("<U2", "(2,)", letters)).texts).toEqual(["an", "tü"]);
    expect(parseNpy(npy("|S3", "(2,)", new TextEncoder().encode("ab\0cde"))).texts).toEqual(["ab", "cde"]);
  });

  it("reads arrays of objects that hold texts or numbers, and runs nothing in them", () => {
    // numpy.save of an object array, as the script beside it wrote them.
    const [texts, numbers, evil] = ["objects-text", "objects-number", "objects-other"].map((name) =>
      parseOrError(readFileSync(`test/fixtures/${name}.npy`)),
    );
    expect(texts).toMatchObject({ shape: [5], texts: ["ant", "bee", "cat", "ant", "größer"] });
    expect(numbers).toMatchObject({ shape: [4], values: Float64Array.of(1, -2, 70000, 2.5) });
    expect(evil).toMatchInlineSnapshot(
      `"FormatError: parseNpy(x.npy): expected numbers or texts, got Python objects of other kinds. Save it with array.astype(str) or .astype('float32')."`,
    );
  });

  it("refuses what it cannot read, with a cure", () => {
    expect(parseOrError(npy("<c8", "(1,)", new Uint8Array(8)))).toMatchInlineSnapshot(
      `"FormatError: parseNpy(x.npy): expected f2, f4, f8, u1, b1, u2, u4, i1, i2, i4, i8, u8, U or S, got c8. Save it with array.astype('float32'), or labels with array.astype('int32')."`,
    );
    expect(parseOrError(npy("<i8", "(1,)", new Uint8Array(BigInt64Array.of(2n ** 60n).buffer)))).toMatchInlineSnapshot(
      `"FormatError: parseNpy(x.npy): expected whole numbers up to 2⁵³, got larger ones, which would be rounded. Number them from 0 and save them as int32."`,
    );
    expect(parseOrError(npy("<U1", "(1,)", new Uint8Array(4).fill(255)))).toMatchInlineSnapshot(
      `"FormatError: parseNpy(x.npy): expected texts of Unicode, got other values. Save the labels again."`,
    );
    expect(parseOrError(npy("<U0", "(999999999,)", new Uint8Array(0)))).toMatchInlineSnapshot(
      `"FormatError: parseNpy(x.npy): expected texts of at least one letter, got U0. Save the labels again."`,
    );
  });

  it("answers every truncated file with an error of its own", () => {
    const whole = npy("<f8", "(2, 3)", new Uint8Array(48));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), (length) => {
        expect(() => parseNpy(whole.subarray(0, length))).toThrow(EvenkeelError);
      }),
    );
  });
});

describe("splitIndices", () => {
  const labels = Array.from({ length: 100 }, (_, k) => (k < 80 ? 0 : 1));
  it("gives each part each class's share, and each sample to one part", () => {
    const parts = splitIndices(labels, { shares: [0.8, 0.1, 0.1], seed: 3 });
    expect(parts.map((part) => part.filter((k) => labels[k] === 1).length)).toEqual([16, 2, 2]);
    expect(parts.flatMap((part) => [...part]).sort((a, b) => a - b)).toEqual(labels.map((_, k) => k));
  });

  it("repeats for a seed and refuses shares that do not add up", () => {
    const options = { shares: [0.5, 0.5], seed: 3 };
    expect(splitIndices(labels, options)).toEqual(splitIndices(labels, options));
    expect(() => splitIndices(labels, { shares: [0.5, 0.4], seed: 3 })).toThrow(
      "splitIndices(labels, { shares }): expected shares of at least 0 whose sum is 1, got [0.5, 0.4]. Pass for example [0.8, 0.1, 0.1].",
    );
  });
});
