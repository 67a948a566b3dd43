import { EvenkeelError, parseNpy, splitIndices } from "evenkeel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

function npy(descr: string, shape: string, values: Uint8Array, order = "False"): Uint8Array {
  const header = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
  const bytes = [...header].map((letter) => letter.charCodeAt(0));
  return Uint8Array.from([0x93, 78, 85, 77, 80, 89, 1, 0, bytes.length & 255, bytes.length >> 8, ...bytes, ...values]);
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

  it("refuses column-major values and says how to save them", () => {
    expect(() => parseNpy(npy("|u1", "(1, 2)", Uint8Array.of(1, 2), "True"), "x.npy")).toThrow(
      "parseNpy(x.npy): expected row-major values, got fortran_order: True. Save it with numpy.ascontiguousarray(array).",
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
