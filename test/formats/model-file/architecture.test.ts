import { readFileSync } from "node:fs";
import {
  Conv2d,
  Linear,
  loadModel,
  type Module,
  onWarning,
  ReLU,
  readSafetensors,
  Sequential,
  saveModel,
  type Tensor,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { allowFreshStatistics } from "../../support/fresh-statistics.js";

const written = new Uint8Array(readFileSync("test/fixtures/model-0.1.0.safetensors"));

function headerOf(bytes: Uint8Array): { readonly architecture: { readonly type: string } | null } {
  return JSON.parse(readSafetensors(bytes).metadata.evenkeel);
}

class Pointwise extends Conv2d {
  constructor(inChannels: number, outChannels: number) {
    super(inChannels, outChannels, 1);
  }
}

describe("architectures", () => {
  test("a file of 0.1.0 with every layer loads with norms that do not warm up, and is written again", () => {
    allowFreshStatistics();
    const { model, meta } = loadModel(written);
    expect(meta.classes).toEqual(["a", "b"]);
    const again = saveModel(model, meta);
    const architecture = JSON.stringify(headerOf(again).architecture);
    expect(architecture).toContain('"warmUp":false');
    // Batch renorm always has running statistics, and no longer says so.
    const before = JSON.stringify(headerOf(written).architecture).replaceAll(
      '"trackRunningStats":true,"rmax"',
      '"rmax"',
    );
    expect(architecture.replaceAll('"warmUp":false,', "")).toBe(before);
    const third = loadModel(again);
    expect(Buffer.compare(saveModel(third.model, third.meta), again)).toBe(0);
  });

  test("a subclass with nothing but a constructor is saved as the class that it is", () => {
    const { model } = loadModel(saveModel(new Sequential(new Pointwise(2, 3))));
    expect(String(model)).toBe("Sequential(Conv2d(2, 3, 1))");
  });

  test("a subclass that may do something else, or holds more than it says, is saved without architecture", () => {
    class Doubled extends Linear {
      override forward(x: Tensor): Tensor {
        return super.forward(x).mul(2);
      }
    }
    class Replaced extends Linear {
      override readonly forward = (x: Tensor): Tensor => x;
    }
    class Holding extends Sequential {
      readonly head = new Linear(2, 2);
      override children(): [name: string, module: Module<never[], unknown>][] {
        return [...super.children(), ["head", this.head]];
      }
    }
    class Added extends ReLU {
      readonly inner = new Linear(2, 2);
    }
    // Without an example they cannot be traced.
    onWarning(() => {});
    for (const layer of [new Doubled(2, 2), new Replaced(2, 2), new Holding(), new Added()]) {
      expect(headerOf(saveModel(new Sequential(layer))).architecture).toBeNull();
    }
  });

  test("what a file says of a layer is checked by its constructor", () => {
    const broken = (architecture: unknown): Uint8Array => {
      const bytes = saveModel(new ReLU());
      const text = new TextDecoder().decode(bytes.subarray(8));
      const header = JSON.parse(text);
      header.__metadata__.evenkeel = JSON.stringify({ format: 1, architecture, meta: {} });
      const encoded = new TextEncoder().encode(JSON.stringify(header));
      const file = new Uint8Array(8 + encoded.length);
      new DataView(file.buffer).setBigUint64(0, BigInt(encoded.length), true);
      file.set(encoded, 8);
      return file;
    };
    const messageOf = (architecture: unknown): string => {
      try {
        loadModel(broken(architecture));
      } catch (error) {
        return String(error);
      }
      return "nothing was thrown";
    };
    expect([
      messageOf({ type: "Linear", arguments: [0, 2] }),
      messageOf({ type: "Sequential", arguments: [7] }),
      messageOf({ type: "Sequential", arguments: [{ type: "ReLU" }] }).slice(0, 60),
      messageOf({ type: "Residual", arguments: [{ type: "ReLU", arguments: [] }, "x"] }),
      messageOf({ type: "Residual", arguments: [] }),
      messageOf({ type: "WeightNorm", arguments: [{ type: "ReLU", arguments: [] }] }),
      messageOf({ type: "toString", arguments: [] }).slice(0, 60),
      messageOf({ type: "Linear", arguments: "2, 2" }).slice(0, 60),
    ]).toMatchInlineSnapshot(`
      [
        "FormatError: loadModel(bytes): expected what new Linear() takes, got [0,2]. Check that the file is complete and was written by Evenkeel.",
        "FormatError: loadModel(bytes): expected what new Sequential() takes, got [7]. Check that the file is complete and was written by Evenkeel.",
        "FormatError: loadModel(bytes): expected what new ReLU() take",
        "FormatError: loadModel(bytes): expected what new Residual() takes, got [{"type":"ReLU","arguments":[]},"x"]. Check that the file is complete and was written by Evenkeel.",
        "FormatError: loadModel(bytes): expected what new Residual() takes, got []. Check that the file is complete and was written by Evenkeel.",
        "FormatError: loadModel(bytes): expected what new WeightNorm() takes, got [{"type":"ReLU","arguments":[]}]. Check that the file is complete and was written by Evenkeel.",
        "FormatError: loadModel(bytes): expected one of Evenkeel's la",
        "FormatError: loadModel(bytes): expected what new Linear() ta",
      ]
    `);
  });
});
