import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BatchNorm, Linear, memoryInUse, ReLU, readTorch, Sequential, scope, tensor } from "evenkeel";
import { describe, expect, test } from "vitest";
import { expectClose } from "../../support/close.js";

const fixtures = join(import.meta.dirname, "../../fixtures");
const folder = join(fixtures, "torch-files");
const bytesOf = (name: string): Uint8Array => readFileSync(join(folder, name));

type Stored = Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>>;
const known = JSON.parse(readFileSync(join(fixtures, "torch-files.json"), "utf8")) as Readonly<
  Record<string, Stored>
> & {
  readonly outputs: { readonly x: readonly number[][]; readonly y: readonly number[][] };
};

const message = (read: () => unknown): string => {
  try {
    read();
    return "read";
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
};

const network = (): Sequential => new Sequential(new Linear(3, 4), new BatchNorm(4), new ReLU(), new Linear(4, 2));

describe("readTorch", () => {
  test.each([
    ["tensors.pt", {}],
    ["legacy.pt", {}],
    ["protocol-3.pt", {}],
    ["protocol-4.pt", {}],
    ["model.pth", {}],
    ["checkpoint.pth", {}],
    ["averaged.pth", { entry: "model_ema" }],
    ["eights.pt", {}],
    ["arguments.pth", {}],
    ["arguments-4.pth", {}],
  ])("reads the tensors of %s: every type of numbers, views, shared storages and parameters", (name, options) => {
    scope(() => {
      const state = readTorch(bytesOf(name), options);
      expect(Object.keys(state)).toEqual(Object.keys(known[name]));
      for (const [key, { shape, values }] of Object.entries(known[name])) {
        expect([key, state[key].shape]).toEqual([key, shape]);
        expect([...state[key].dataSync()]).toEqual(values.map(Math.fround));
      }
    });
  });

  test("gives what loads into the same network, which then predicts the same", () => {
    const model = network().eval();
    model.loadStateDict(readTorch(bytesOf("model.pth")));
    expectClose(model.forward(tensor(known.outputs.x)).dataSync(), known.outputs.y.flat(), 1e-6);
  });

  test("leaves prefixes to loadStateDict, which says how to take them off", () => {
    const state = readTorch(bytesOf("wrapped.pth"));
    expect(message(() => network().loadStateDict(state))).toContain('has the prefix "module.": take it off');
    const plain = Object.fromEntries(Object.entries(state).map(([key, t]) => [key.replace("module.", ""), t]));
    network().loadStateDict(plain);
  });

  test("refuses what is no state dict, or would run code, by name", () => {
    const names = ["averaged.pth", "big-endian.pt", "complex.pt", "deep.pt", "list.pt", "mixed.pt"];
    const more = ["module.pt", "numbers.pt", "packed.pt", "script.pt", "sparse.pt", "tensor.pt"];
    const messages = [...names, ...more].map((name) => [name, message(() => readTorch(bytesOf(name)))]);
    expect(Object.fromEntries(messages)).toMatchInlineSnapshot(`
      {
        "averaged.pth": "FormatError: readTorch(bytes): expected one state dict, got "model", "model_ema". Choose one, as in { entry: "model" }.",
        "big-endian.pt": "FormatError: readTorch(bytes): expected little-endian numbers, got "big". Save it on a machine with the other order of bytes, such as any PC.",
        "complex.pt": "FormatError: readTorch(bytes): expected tensors of real or whole numbers, or booleans, got "z" of complex64. Take it out of the state dict, and save that again.",
        "deep.pt": "FormatError: readTorch(bytes): expected tensors of at most 5 axes, got "w" of 6. Take it out of the state dict, and save that again.",
        "list.pt": "FormatError: readTorch(bytes): expected a state dict, got a list. Save the state dict alone: torch.save(model.state_dict(), path).",
        "mixed.pt": "FormatError: readTorch(bytes): expected one state dict, got tensors, and dictionaries of tensors as "more". Choose one, as in { entry: "more" }.",
        "module.pt": "FormatError: readTorch(bytes): expected tensors, dictionaries, lists, numbers and texts, got "torch.nn.modules.linear.Linear", a class or function of Python. Save the state dict alone: torch.save(model.state_dict(), path).",
        "numbers.pt": "FormatError: readTorch(bytes): expected one state dict, got none. Save the state dict alone: torch.save(model.state_dict(), path).",
        "packed.pt": "FormatError: readTorch(bytes): expected entries of the zip that are stored as they are, got "packed/data.pkl", which is packed. Unpack it, and pack it again with \`zip -0\`; torch.save packs nothing.",
        "script.pt": "FormatError: readTorch(bytes): expected what torch.save wrote of a state dict, got a program of TorchScript. Save the state dict alone: torch.save(model.state_dict(), path).",
        "sparse.pt": "FormatError: readTorch(bytes): expected tensors, dictionaries, lists, numbers and texts, got "torch._utils._rebuild_sparse_tensor", a class or function of Python. Save the state dict alone: torch.save(model.state_dict(), path).",
        "tensor.pt": "FormatError: readTorch(bytes): expected a state dict, got a tensor. Save the state dict alone: torch.save(model.state_dict(), path).",
      }
    `);
    expect([
      message(() => readTorch(bytesOf("averaged.pth"), { entry: "ema" })),
      message(() => readTorch(new Uint8Array(40))),
      message(() => readTorch(Uint8Array.of(0x80, 2, 0x5d, 0x2e))),
      message(() => readTorch(new Uint8Array())),
      message(() => readTorch("model.pt" as unknown as Uint8Array)),
    ]).toMatchInlineSnapshot(`
      [
        "FormatError: readTorch(bytes): expected an entry "ema" that is a dictionary of tensors, got "model", "model_ema". Name one that is there.",
        "FormatError: readTorch(bytes): expected what torch.save wrote, got a file of another kind. Check the file; readSafetensors reads .safetensors, importOnnx .onnx.",
        "FormatError: readTorch(bytes): expected what torch.save wrote, got a pickle of something else. Save the state dict alone: torch.save(model.state_dict(), path).",
        "FormatError: readTorch(bytes): expected what torch.save wrote, got a file of another kind. Check the file; readSafetensors reads .safetensors, importOnnx .onnx.",
        "FormatError: readTorch(bytes): expected a Uint8Array, got String. Check that the file is complete, as torch.save wrote it.",
      ]
    `);
  });

  test("runs nothing: a pickle that calls a function is refused by the function's name", () => {
    const magic = bytesOf("legacy.pt").subarray(0, 15);
    const pickle = Buffer.from("\x80\x02cos\nsystem\nX\x04\0\0\0halt\x85R.", "latin1");
    expect(message(() => readTorch(Buffer.concat([magic, pickle])))).toMatchInlineSnapshot(
      `"FormatError: readTorch(bytes): expected tensors, dictionaries, lists, numbers and texts, got "os.system", a class or function of Python. Save the state dict alone: torch.save(model.state_dict(), path)."`,
    );
  });

  test("refuses files cut short at any byte, and frees what it has read", () => {
    for (const name of ["model.pth", "legacy.pt"]) {
      const bytes = bytesOf(name);
      const before = memoryInUse();
      for (let length = 0; length < bytes.length; length += 7) {
        expect(message(() => readTorch(bytes.slice(0, length)))).toContain("FormatError");
      }
      expect(memoryInUse()).toBe(before);
    }
  });

  test("takes views of larger arrays of bytes", () => {
    const bytes = bytesOf("tensors.pt");
    const larger = new Uint8Array(bytes.length + 3);
    larger.set(bytes, 3);
    const state = readTorch(larger.subarray(3));
    expect([...state["plain"].dataSync()]).toEqual(known["tensors.pt"]["plain"].values.map(Math.fround));
  });

  test("every fixture is read or refused here", () => {
    expect(readdirSync(folder)).toHaveLength(22);
  });
});
