import { spawnSync } from "node:child_process";
import { readSafetensors, tensor, writeSafetensors } from "evenkeel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

describe("safetensors", () => {
  test("reads the number types of other writers", () => {
    const header = {
      half: { dtype: "F16", shape: [3], data_offsets: [0, 6] },
      brain: { dtype: "BF16", shape: [1], data_offsets: [6, 8] },
      count: { dtype: "I64", shape: [], data_offsets: [8, 16] },
      double: { dtype: "F64", shape: [1], data_offsets: [16, 24] },
      bytes: { dtype: "U8", shape: [2], data_offsets: [24, 26] },
    };
    const json = new TextEncoder().encode(JSON.stringify(header));
    const bytes = new Uint8Array(8 + json.length + 26);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(json.length), true);
    bytes.set(json, 8);
    const at = 8 + json.length;
    [0x3c00, 0xc000, 0x0001].forEach((bits, k) => {
      view.setUint16(at + 2 * k, bits, true);
    });
    view.setUint16(at + 6, 0x4049, true);
    view.setBigInt64(at + 8, 938n, true);
    view.setFloat64(at + 16, 0.5, true);
    bytes.set([7, 255], at + 24);
    const { tensors } = readSafetensors(bytes);
    expect(tensors["half"].dataSync()).toEqual(Float32Array.of(1, -2, 2 ** -24));
    expect(tensors["brain"].dataSync()).toEqual(Float32Array.of(3.140625));
    expect(tensors["count"].item()).toBe(938);
    expect(tensors["double"].item()).toBe(0.5);
    expect(tensors["bytes"].dataSync()).toEqual(Float32Array.of(7, 255));
  });

  test("says what is wrong with a file that is cut short or is none", () => {
    const bytes = writeSafetensors({
      weight: tensor([
        [1, 2],
        [3, 4],
      ]),
    });
    expect(() => readSafetensors(bytes.subarray(0, 4))).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: readSafetensors(bytes): expected at least 8 bytes, got 4. Check that the file is a complete .safetensors file.]`,
    );
    expect(() => readSafetensors(bytes.subarray(0, 40))).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: readSafetensors(bytes): expected a header of 80 bytes, got 32 bytes in all. Check that the file is a complete .safetensors file.]`,
    );
    expect(() => readSafetensors(bytes.subarray(0, bytes.length - 4))).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: readSafetensors(bytes): expected 16 bytes of values, got 12. Check that the file is a complete .safetensors file.]`,
    );
    expect(() => readSafetensors(new TextEncoder().encode("length,width,colour"))).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: readSafetensors(bytes): expected a header that begins with {, got a file of another kind. Check that the file is a complete .safetensors file.]`,
    );
    expect(() => readSafetensors(new Uint8Array(64))).toThrow("readSafetensors(bytes): expected JSON");
  });

  test("never throws anything but a FormatError on damaged files", () => {
    const bytes = writeSafetensors({ a: tensor([1, 2, 3]), b: tensor([[4]]) }, { note: "x" });
    const damage = fc.tuple(
      fc.nat(bytes.length),
      fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 8 }),
    );
    fc.assert(
      fc.property(damage, ([length, changes]) => {
        const damaged = bytes.slice(0, length);
        for (const [at, value] of changes) if (at < length) damaged[at] = value;
        expectClearAnswer(damaged);
      }),
      { numRuns: 500 },
    );
  });

  test("a name that stands twice, bytes of two tensors or of none are refused", () => {
    const value = (...offsets: number[]) => `{"dtype":"F32","shape":[1],"data_offsets":[${offsets}]}`;
    const faults = [
      file(`{"a":${value(0, 4)},"b":${value(4, 8)},"\\u0061":${value(0, 4)}}`, 8),
      file(`{"a":{"dtype":"F32","shape":[1],"shape":[2],"data_offsets":[0,8]}}`, 8),
      file(`{"a":${value(0, 4)},"b":${value(0, 4)}}`, 4),
      file(`{"a":${value(0, 4)},"b":${value(8, 12)}}`, 12),
      file(`{"a":${value(0, 4)}}`, 8),
      file(`{"a":{"dtype":"F32","shape":[9007199254740991,9007199254740991],"data_offsets":[0,8]}}`, 8),
      file(`{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}`, 4),
      file(`{"${"long".repeat(1000)}":${value(0, 5)}}`, 4),
      file(`[[[[[[[[[[]]]]]]]]]]`, 0),
      file("", 0),
    ].map((bytes) => expectClearAnswer(bytes));
    expect(faults).toMatchInlineSnapshot(`
      [
        "FormatError: readSafetensors(bytes): expected each name once, got "a" twice. Check that the file is a complete .safetensors file.",
        "FormatError: readSafetensors(bytes): expected each name once, got "shape" twice. Check that the file is a complete .safetensors file.",
        "FormatError: readSafetensors(bytes): expected the bytes of "b" from 4 on, got bytes 0 to 4. Check that the file is a complete .safetensors file.",
        "FormatError: readSafetensors(bytes): expected the bytes of "b" from 4 on, got bytes 8 to 12. Check that the file is a complete .safetensors file.",
        "FormatError: readSafetensors(bytes): expected 4 bytes of values, got 8. Check that the file is a complete .safetensors file.",
        "FormatError: readSafetensors(bytes): expected 8.112963841460666e+31 values of F32 for "a", got bytes 0 to 8. Check that the file is a complete .safetensors file.",
        "no error",
        "FormatError: readSafetensors(bytes): expected 1 values of F32 for "longlonglonglonglonglonglonglonglonglonglonglonglonglonglon…, got bytes 0 to 5. Check that the file is a complete .safetensors file.",
        "FormatError: readSafetensors(bytes): expected a JSON object, got a list. Check that the file is a complete .safetensors file.",
        "FormatError: readSafetensors(bytes): expected JSON, got "Unexpected end of JSON input". Check that the file is a complete .safetensors file.",
      ]
    `);
  });

  test("a name is a name, whatever it looks like", () => {
    const names = ["__proto__", "../../etc/passwd", "constructor", "", "é\n"];
    const bytes = writeSafetensors(Object.fromEntries(names.map((name, k) => [name, tensor([k])])));
    const { tensors } = readSafetensors(bytes);
    expect(Object.getPrototypeOf(tensors)).toBe(Object.prototype);
    expect(Object.entries(tensors).map(([name, t]) => [name, t.item()])).toEqual(names.map((name, k) => [name, k]));
  });

  test("answers headers made to exhaust memory in one line and within 200 MB beyond the file", () => {
    const script = `
      import { readSafetensors } from "evenkeel";
      const file = (text) => {
        const bytes = new Uint8Array(8 + text.length);
        new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
        new TextEncoder().encodeInto(text, bytes.subarray(8));
        return bytes;
      };
      const fill = (part, length) => part.repeat(Math.floor((length - 100) / part.length));
      const names = (most) => Array.from({ length: most }, (_, k) => '"' + k.toString(36) + '":0,').join("");
      const bombs = [2 ** 22, 2 ** 19].flatMap((most) => [
        "[".repeat(most),
        "[" + fill("{},", most) + "0]",
        "[" + fill("[],", most) + "0]",
        '{"a":[' + fill("1,", most) + "1]}",
        '{"' + fill("e", most) + '":0}',
      ]);
      const most = { growth: 0 };
      for (const bomb of [...bombs, "{" + names(2 ** 18 - 9) + '"":0}', "{" + names(2 ** 20) + '"":0}']) {
        const bytes = file(bomb);
        const before = process.resourceUsage().maxRSS;
        let message = "no error";
        try {
          readSafetensors(bytes);
        } catch (error) {
          message = error.name + ": " + error.message;
        }
        if (!/^FormatError: .{1,300}$/.test(message)) throw new Error(message);
        most.growth = Math.max(most.growth, process.resourceUsage().maxRSS - before);
      }
      process.stdout.write(String(most.growth / 1024));`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(Number(stdout)).toBeGreaterThan(0);
    expect(Number(stdout)).toBeLessThan(200);
  });
});

/** A file of this header, and as many bytes of zeros behind it. */
function file(header: string, room: number): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + room);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

/** Reads it, or says what is wrong with it in one line. */
function expectClearAnswer(bytes: Uint8Array): string {
  try {
    for (const t of Object.values(readSafetensors(bytes).tensors)) t.dispose();
    return "no error";
  } catch (error) {
    expect(String(error)).toMatch(/^(Format|Shape)Error: .{1,300}$/);
    return String(error);
  }
}
