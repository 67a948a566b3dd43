import { readSafetensors } from "evenkeel";
import { describe, expect, test } from "vitest";
// What writes half precision has no public name of its own: ONNX models are written by it.
import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from "../../src/formats/half.js";

const all = Array.from({ length: 2 ** 16 }, (_, bits) => bits);

/** The positive finite halves in their order: whole multiples of 2⁻²⁴, 1,024 to each power of two. */
const positive = Array.from({ length: 31 * 1024 }, (_, k) =>
  k < 1024 ? k / 2 ** 24 : (1024 + (k % 1024)) * 2 ** (Math.floor(k / 1024) - 25),
);

/** A safetensors file of 65,536 values of two bytes. */
function fileOf(dtype: string): Uint8Array {
  const header = JSON.stringify({ x: { dtype, shape: [2 ** 16], data_offsets: [0, 2 ** 17] } });
  const bytes = new Uint8Array(8 + header.length + 2 ** 17);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, header.length, true);
  bytes.set(new TextEncoder().encode(header), 8);
  for (const bits of all) view.setUint16(8 + header.length + 2 * bits, bits, true);
  return bytes;
}

describe("half precision", () => {
  test("each of the 65,536 numbers is read as what it is", () => {
    const values = readSafetensors(fileOf("F16")).tensors.x.dataSync();
    const expected = all.map((bits) => {
      const size = bits & 0x7fff;
      const value = size < positive.length ? positive[size] : size === 0x7c00 ? Infinity : NaN;
      return bits < 0x8000 ? value : -value;
    });
    expect(values).toEqual(Float32Array.from(expected));
    expect(expected.filter((value, k) => !Object.is(value, values[k]))).toEqual([]);
  });

  test("each is written as what was read", () => {
    const others = all.filter((bits) => {
      const value = halfToNumber(bits);
      return Number.isNaN(value) ? numberToHalf(value) !== 0x7e00 : numberToHalf(value) !== bits;
    });
    expect(others).toEqual([]);
  });

  test("numbers between two go to the nearest, ties to the even one", () => {
    const wrong: number[] = [];
    for (let k = 0; k < positive.length; k++) {
      // Beyond the largest the next would be 65536.
      const [low, high] = [positive[k], positive[k + 1] ?? 65536];
      const middle = (low + high) / 2;
      const little = (high - low) * 2 ** -40;
      const ok =
        numberToHalf(middle) === (k % 2 === 0 ? k : k + 1) &&
        numberToHalf(-middle) === 0x8000 + (k % 2 === 0 ? k : k + 1) &&
        numberToHalf(middle - little) === k &&
        numberToHalf(middle + little) === k + 1 &&
        numberToHalf(low + little) === k &&
        numberToHalf(high - little) === k + 1;
      if (!ok) wrong.push(k);
    }
    expect(wrong).toEqual([]);
    expect([65519.99, 65520, 1e9, Infinity, -Infinity].map(numberToHalf)).toEqual([
      0x7bff, 0x7c00, 0x7c00, 0x7c00, 0xfc00,
    ]);
    expect([0, -0, 2 ** -25, 2 ** -25 + 2 ** -60, -(2 ** -26), NaN].map(numberToHalf)).toEqual([
      0, 0x8000, 0, 1, 0x8000, 0x7e00,
    ]);
  });
});

describe("bfloat16", () => {
  test("each of the 65,536 numbers is read and written as what it is", () => {
    const values = readSafetensors(fileOf("BF16")).tensors.x.dataSync();
    const expected = new Float32Array(Uint32Array.from(all, (bits) => bits << 16).buffer);
    expect(values).toEqual(expected);
    expect(all.filter((bits) => !Number.isNaN(expected[bits]) && numberToBfloat(expected[bits]) !== bits)).toEqual([]);
  });

  test("numbers between two go to the nearest, ties to the even one", () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < 0x7f7f; bits++) {
      const [low, high] = [bfloatToNumber(bits), bfloatToNumber(bits + 1)];
      const middle = low / 2 + high / 2;
      const little = (high - low) * 2 ** -20;
      const ok =
        numberToBfloat(middle) === (bits % 2 === 0 ? bits : bits + 1) &&
        numberToBfloat(middle - little) === bits &&
        numberToBfloat(middle + little) === bits + 1;
      if (!ok) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
    expect([3.4e38, Infinity, -Infinity].map(numberToBfloat)).toEqual([0x7f80, 0x7f80, 0xff80]);
  });
});
