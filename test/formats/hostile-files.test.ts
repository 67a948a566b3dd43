import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, gzipSync } from "node:zlib";
import {
  describeCheckpoint,
  loadModel,
  memoryInUse,
  onWarning,
  readSafetensors,
  Sequential,
  saveModel,
  tensor,
  writeSafetensors,
  zeros,
} from "evenkeel";
import { loadData } from "evenkeel/node";
import { tfjsWeightPaths } from "evenkeel/tfjs";
import { expect, test } from "vitest";
import { idxBytes } from "../support/idx-files.js";

const folder = mkdtempSync(join(tmpdir(), "evenkeel-hostile-"));
const model = (architecture: unknown): Uint8Array =>
  writeSafetensors({}, { evenkeel: JSON.stringify({ format: 1, architecture }) });

test("a model file whose architecture claims more than its tensors hold costs neither time nor memory", () => {
  const before = memoryInUse();
  const files = {
    Linear: { type: "Linear", arguments: [8000, 8000] },
    Embedding: { type: "Embedding", arguments: [2 ** 24, 4096] },
    InstanceNorm: { type: "InstanceNorm", arguments: [2 ** 30, { affine: true }] },
    "many layers": { type: "Sequential", arguments: new Array(2000).fill({ type: "ReLU", arguments: [] }) },
  };
  const start = process.cpuUsage();
  const said = Object.values(files).map((one) => {
    try {
      return loadModel(model(one));
    } catch (error) {
      return String(error).replace(/than \d+ bytes/, "than N bytes");
    }
  });
  expect(process.cpuUsage(start).user).toBeLessThan(1e6);
  expect(memoryInUse()).toBe(before);
  expect(said).toMatchInlineSnapshot(`
    [
      "FormatError: loadModel(bytes): expected parameters in proportion to the size of the file, got more than N bytes give cause for. Check that it is the file that was saved or exported.",
      "FormatError: loadModel(bytes): expected parameters in proportion to the size of the file, got more than N bytes give cause for. Check that it is the file that was saved or exported.",
      "FormatError: loadModel(bytes): expected parameters in proportion to the size of the file, got more than N bytes give cause for. Check that it is the file that was saved or exported.",
      "FormatError: loadModel(bytes): expected layers in proportion to the size of the file, got more than N bytes give cause for. Check that it is the file that was saved or exported.",
    ]
  `);
});

test("a graph that claims more than its file holds, or names things twice, costs neither time nor memory", () => {
  const before = memoryInUse();
  const node = { name: "n", path: "", op: "relu", args: [{ $value: [0] }], shape: null };
  const linear = { type: "Linear", arguments: [1, 1] };
  const list = <T>(length: number, make: (k: number) => T): T[] => Array.from({ length }, (_, k) => make(k));
  const tensors = { w: zeros([100_000]), v: zeros([1, 1]) };
  const empty = {
    inputs: [null],
    nodes: [node],
    output: { $value: [1] },
    trains: true,
    names: [],
    loose: {},
    ties: [],
  };
  const graphs: Record<string, object> = {
    "a layer that is too large": { names: [{ layer: "a", architecture: { type: "Linear", arguments: [8000, 8000] } }] },
    "a loose one": { loose: { n: { type: "Embedding", arguments: [2 ** 24, 4096] } } },
    "many layers": { names: list(12_000, (k) => ({ layer: `a${k}`, architecture: { type: "ReLU", arguments: [] } })) },
    "many branches": {
      names: [{ parameter: "w" }, ...list(300, (k) => ({ parameter: `${k}${".b".repeat(50)}`, alias: "w" }))],
    },
    "one tensor of many names": {
      names: [{ parameter: "w" }, ...list(3000, (k) => ({ parameter: `w${k}`, alias: "w" }))],
    },
    "one layer of many names": {
      names: [
        { layer: "a", architecture: { type: "Sequential", arguments: list(500, () => linear) } },
        ...list(2000, (k) => ({ layer: `a${k}`, alias: "a" })),
      ],
    },
    "deep names": { names: [{ parameter: `w${".w".repeat(200)}` }] },
    "a name twice": { names: [{ parameter: "w" }, { parameter: "w" }] },
    "a layer twice": { names: list(2, () => ({ layer: "a", architecture: linear })) },
    "a name inside a layer": {
      names: [
        { layer: "a", architecture: linear },
        { parameter: "a.b.w", alias: "a.weight" },
      ],
    },
    "no text": { names: [{ layer: { toString: 1, valueOf: 1 }, architecture: linear }] },
    "no text in a node": { nodes: [{ ...node, op: { toString: 1, valueOf: 1 } }] },
    "a layer, then damage": { names: [{ layer: "a", architecture: linear }, { parameter: "b" }] },
    "very many constants": { constants: 2 ** 53 - 1 },
  };
  const start = process.cpuUsage();
  const said = Object.entries(graphs).map(([name, damage]) => {
    const graph = { ...empty, constants: 0, ...damage };
    try {
      loadModel(writeSafetensors(tensors, { evenkeel: JSON.stringify({ format: 1, graph }) }));
    } catch (error) {
      return `${name}: ${error}`.replace(/than \d+ bytes/, "than N bytes").replace(/ Check that.*/, "");
    }
    return `${name} loads`;
  });
  expect(process.cpuUsage(start).user).toBeLessThan(4e6);
  for (const t of Object.values(tensors)) t.dispose();
  expect(memoryInUse()).toBe(before);
  expect(said).toMatchInlineSnapshot(`
    [
      "a layer that is too large: FormatError: loadModel(bytes): expected parameters in proportion to the size of the file, got more than N bytes give cause for.",
      "a loose one: FormatError: loadModel(bytes): expected parameters in proportion to the size of the file, got more than N bytes give cause for.",
      "many layers: FormatError: loadModel(bytes): expected layers in proportion to the size of the file, got more than N bytes give cause for.",
      "many branches: FormatError: loadModel(bytes): expected layers in proportion to the size of the file, got more than N bytes give cause for.",
      "one tensor of many names: FormatError: loadModel(bytes): expected work in proportion to the size of the file, got more than N bytes give cause for.",
      "one layer of many names: FormatError: loadModel(bytes): expected parts in proportion to the size of the file, got more than N bytes give cause for.",
      "deep names: FormatError: loadModel(bytes): expected a path, got "w.w.w.w.w.w.w.w.w.w.w.w.w.w.w.w.w.w.w.w.w.w.w.w.w.w.w.w.w.w….",
      "a name twice: FormatError: loadModel(bytes): expected each parameter and buffer once, got "w".",
      "a layer twice: FormatError: loadModel(bytes): expected each layer once, got "a".",
      "a name inside a layer: FormatError: loadModel(bytes): expected no names inside a layer, got "a".",
      "no text: FormatError: loadModel(bytes): expected the name of a layer or tensor, got {"toString":1,"valueOf":1}.",
      "no text in a node: FormatError: loadModel(bytes): expected the name of an op, got {"toString":1,"valueOf":1}.",
      "a layer, then damage: FormatError: loadModel(bytes): expected a tensor "b", got none.",
      "very many constants: FormatError: loadModel(bytes): expected a tensor "$constant.0", got none.",
    ]
  `);
});

test("layers nested deeper than the stack is are a FormatError", () => {
  let nested = '{"type":"ReLU","arguments":[]}';
  for (let k = 0; k < 150; k++) nested = `{"type":"Sequential","arguments":[${nested}]}`;
  const bytes = writeSafetensors({}, { evenkeel: `{"format":1,"architecture":${nested}}` });
  expect(() => loadModel(bytes)).toThrowErrorMatchingInlineSnapshot(
    `[FormatError: loadModel(bytes): expected at most 200 lists and objects inside each other in the metadata, got more. Check that the file is complete.]`,
  );
});

test("an array that contains itself, or shares its rows beyond any memory, is a ShapeError", () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  expect(() => tensor(cyclic as number[])).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: tensor(data): expected arrays nested at most 5 deep, got deeper ones, or an array that contains itself. Make the data flat, and pass their shape.]`,
  );
  let shared: unknown = 0;
  for (let k = 0; k < 5; k++) shared = new Array(1000).fill(shared);
  expect(() => tensor(shared as number[])).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: tensor(data): expected at most 268435456 values, got 1000×1000×1000×1000×1000. Make several tensors.]`,
  );
});

test("meta that contains itself is an ArgumentError", () => {
  const meta: Record<string, unknown> = {};
  meta["own"] = meta;
  expect(() => saveModel(new Sequential(), meta)).toThrowErrorMatchingInlineSnapshot(
    `[ArgumentError: saveModel(model, meta): expected what JSON can hold, got Converting circular structure to JSON. Pass plain objects, lists, texts and numbers that do not contain themselves.]`,
  );
});

test("a checkpoint whose checksum is right and whose state is none is a FormatError", () => {
  const start = 8 + '{"__metadata__":{"crc32":"'.length;
  const said = [
    "{",
    '{"format":1}',
    '{"format":1,"evenkeel":"0.1.0"}',
    '{"format":1,"evenkeel":"0.1.0","position":{"epoch":"x"}}',
    '{"format":2,"evenkeel":"9.0.0"}',
    "[]",
  ].map((state) => {
    const bytes = writeSafetensors({}, { crc32: "00000000", "evenkeel-checkpoint": state });
    bytes.set(new TextEncoder().encode(crc32(bytes).toString(16).padStart(8, "0")), start);
    try {
      return describeCheckpoint(bytes);
    } catch (error) {
      return String(error);
    }
  });
  expect(said).toMatchInlineSnapshot(`
    [
      "FormatError: checkpoint: expected JSON, got "Expected property name or '}' in JSON at position 1". Use an older copy, or start anew.",
      "FormatError: checkpoint: expected the state that fit() saves, got one without its version. Use an older copy, or start anew.",
      "FormatError: checkpoint: expected a count as position.epoch, got undefined. Use an older copy, or start anew.",
      "FormatError: checkpoint: expected a count as position.epoch, got "x". Use an older copy, or start anew.",
      "FormatError: checkpoint: expected a checkpoint of format 1 by Evenkeel 0.1.0 or an older one, got one of format 2 by Evenkeel 9.0.0. Read it with Evenkeel 9.0.0, or a newer one.",
      "FormatError: checkpoint: expected a JSON object, got a list. Use an older copy, or start anew.",
    ]
  `);
});

test("a gzipped IDX file that unpacks to far more than its size is refused", async () => {
  const bombs = join(folder, "idx");
  mkdirSync(bombs);
  const bomb = gzipSync(Buffer.concat([idxBytes([300_000, 20, 20], []), new Uint8Array(1.2e8)]));
  writeFileSync(join(bombs, "train-images-idx3-ubyte.gz"), bomb);
  await expect(loadData(bombs)).rejects.toThrow("expected unpacked bytes in proportion to the size of the file");
});

test("headers of 60,000 names and cells of a million digits are read in linear time", async () => {
  const path = join(folder, "wide.csv");
  onWarning(() => {});
  const names = Array.from({ length: 60_000 }, (_, k) => `"c${k}"`).join();
  writeFileSync(path, `${names}\n${new Array(60_000).fill('"1"').join()}\n`);
  const start = process.cpuUsage();
  await expect(loadData(path)).rejects.toThrow("expected at least two classes");
  const digits = `${"1".repeat(1_000_000)}x`;
  writeFileSync(path, `a,b\n${digits},1\n2,0\n`);
  await loadData(path).catch(() => {});
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1e6).toBeLessThan(6);
});

test("a header without a name gets the cure that fits, and Excel's first line is read", async () => {
  const rows = Array.from({ length: 30 }, (_, k) => [k / 3, (k * 7) % 11, k % 2 ? "p" : "q"]);
  const said = async (text: string): Promise<unknown> => {
    const path = join(folder, "t.csv");
    writeFileSync(path, text);
    return loadData(path, { seed: 1 }).then(({ task }) => task, String);
  };
  expect([
    await said(`,a,b,y\n${rows.map((row, k) => [k, ...row].join()).join("\n")}`),
    await said(`a,b,y,\n${rows.map((row) => `${row.join()},`).join("\n")}`),
    await said(`# made by a device\na,b,y\n${rows.map((row) => row.join()).join("\n")}`),
    await said(`sep=;\na;b;y\n${rows.map((row) => row.join(";")).join("\n")}`),
  ]).toMatchInlineSnapshot(`
    [
      "DataError: t.csv, header: expected a name for each column, got "" in column 1. Save it without its index (pandas: index=False), or name that column.",
      "DataError: t.csv, header: expected a name for each column, got "" in column 4. Remove the delimiter at the end of each line, or name the last column.",
      "DataError: t.csv, header: expected the names of the columns, got "# made by a device". Remove the lines that begin with # above them.",
      "classification",
    ]
  `);
});

test("types of other writers are read, and those that are no numbers named", () => {
  const entries = {
    a: ["U16", [1, 2]],
    b: ["F8_E4M3", [0x38]],
    c: ["F8_E5M2", [0x3c]],
    d: ["C64", new Array(8).fill(0)],
  } as const;
  let at = 0;
  const header = Object.entries(entries).map(([name, [dtype, bytes]]) => {
    at += bytes.length;
    return [name, { dtype, shape: [1], data_offsets: [at - bytes.length, at] }] as const;
  });
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const bytes = new Uint8Array([
    ...new Uint8Array(new BigUint64Array([BigInt(json.length)]).buffer),
    ...json,
    ...Object.values(entries).flatMap(([, values]) => values),
  ]);
  const { tensors, unread } = readSafetensors(bytes);
  expect([Object.entries(tensors).map(([name, t]) => [name, t.item()]), unread]).toEqual([
    [
      ["a", 513],
      ["b", 1],
      ["c", 1],
    ],
    { d: "C64" },
  ]);
});

test("the paths that TF.js's own downloads give their weights are read without their ./", () => {
  const json = { modelTopology: {}, weightsManifest: [{ paths: ["./m.weights.bin"], weights: [] }] };
  expect(tfjsWeightPaths(new TextEncoder().encode(JSON.stringify(json)))).toEqual(["m.weights.bin"]);
});
