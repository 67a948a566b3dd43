import { type TfjsFiles, tfjsWeightPaths, toTfjsArtifacts, toTfjsFiles } from "evenkeel/tfjs";
import { describe, expect, test } from "vitest";

const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const weight = (name: string, shape: number[], dtype = "float32") => ({ name, shape, dtype });

describe("files of TF.js models", () => {
  const artifacts = {
    ...{ format: "layers-model", generatedBy: "TensorFlow.js tfjs-layers v4.22.0", convertedBy: null },
    modelTopology: { class_name: "Sequential", config: { name: "s", layers: [] } },
    userDefinedMetadata: { labels: ["a", "b"] },
    trainingConfig: {
      optimizer_config: { class_name: "Adam", config: { learning_rate: 0.001 } },
      loss: "meanSquaredError",
    },
    weightSpecs: [
      weight("a/kernel", [2, 3]),
      { ...weight("a/bias", [5]), quantization: { dtype: "uint8", scale: 0.5, min: -1 } },
      { ...weight("Adam/m", [1]), group: "optimizer" },
      weight("names", [2], "string"),
      weight("large", [1_500_000]),
    ],
    weightData: new Uint8Array(24 + 5 + 4 + (4 + 3) + (4 + 0) + 6_000_000).map((_, i) => i * i).buffer,
  };
  new DataView(artifacts.weightData).setUint32(33, 3, true);
  new DataView(artifacts.weightData).setUint32(40, 0, true);

  test("keep all that TF.js hands on, in files of 4 MiB", () => {
    const files = toTfjsFiles(artifacts);
    expect(tfjsWeightPaths(files.model)).toEqual(["group1-shard1of2.bin", "group1-shard2of2.bin"]);
    expect(files.shards["group1-shard1of2.bin"]).toHaveLength(4 * 1024 * 1024);
    const back = toTfjsArtifacts(files);
    const { weightData, ...rest } = artifacts;
    expect(back).toMatchObject(rest);
    expect(Buffer.compare(new Uint8Array(back.weightData as ArrayBuffer), new Uint8Array(weightData))).toBe(0);
  });
});

describe("a damaged or hostile model.json", () => {
  const group = (paths: unknown, ...weights: unknown[]) => ({ weightsManifest: [{ paths, weights }] });
  const one = new Uint8Array(8);
  const nested = (open: string, close: string) =>
    new TextEncoder().encode(`{"a":${open.repeat(300_000)}${close.repeat(300_000)}}`);
  const files: Record<string, TfjsFiles> = {
    empty: { model: new Uint8Array(0), shards: {} },
    "another file": { model: Uint8Array.of(0x50, 0x4b, 3, 4, 200), shards: {} },
    "a list": { model: text([1]), shards: {} },
    "cut short": { model: text(group(["w"], weight("a", [2]))).slice(0, 40), shards: {} },
    "nested lists": { model: nested("[", "]"), shards: {} },
    "nested objects": { model: nested('{"a":', "}").fill(0x31, 5 + 5 * 300_000, 6 + 5 * 300_000), shards: {} },
    "no manifest": { model: text({ modelTopology: {} }), shards: {} },
    "a path above": { model: text(group(["../w"])), shards: { "../w": one } },
    "a path inside that leads above": { model: text(group(["a/../../w"])), shards: {} },
    "a path from the root": { model: text(group(["/etc/passwd"])), shards: {} },
    "a drive": { model: text(group(["C:w"])), shards: {} },
    "an address": { model: text(group(["https://example.org/w"])), shards: {} },
    "a missing file": { model: text(group(["w"], weight("a", [2]))), shards: {} },
    "too few bytes": { model: text(group(["w"], weight("a", [3]))), shards: { w: one } },
    "too many bytes": { model: text(group(["w"], weight("a", [1]))), shards: { w: one } },
    "2 GB claimed": { model: text(group(["w"], weight("a", [1024, 1024, 512]))), shards: { w: one } },
    "more than numbers can count": {
      model: text(group(["w"], weight("a", [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]))),
      shards: { w: one },
    },
    "2 GB of text claimed": {
      model: text(group(["w"], weight("a", [1], "string"))),
      shards: { w: Uint8Array.of(255, 255, 255, 127) },
    },
    "a billion texts claimed": { model: text(group(["w"], weight("a", [1e9], "string"))), shards: { w: one } },
    "a negative size": { model: text(group(["w"], weight("a", [-1, -2]))), shards: { w: one } },
    "an unknown type": { model: text(group(["w"], weight("a", [2], "float8"))), shards: { w: one } },
    "an unknown quantization": {
      model: text(group(["w"], { ...weight("a", [2]), quantization: { dtype: "uint4" } })),
      shards: { w: one },
    },
    "a name twice": { model: text(group(["w"], weight("a", [1]), weight("a", [1]))), shards: { w: one } },
    "a file twice": { model: text(group(["w", "w"], weight("a", [4]))), shards: { w: one } },
    "a name that moves the cursor": { model: text(group(["w"], weight("a\u001b[2J", [-1]))), shards: { w: one } },
  };

  test.each(Object.keys(files))("is refused: %s", (name) => {
    expect(() => toTfjsArtifacts(files[name])).toThrow(/^toTfjsArtifacts\(files\): expected .*, got .*\. .*\.$/);
  });

  test("in words that say what is wrong", () => {
    const said = Object.entries(files).map(([name, one]): [string, string] => {
      try {
        toTfjsArtifacts(one);
        return [name, "taken"];
      } catch (error) {
        return [name, String((error as Error).message).replace("toTfjsArtifacts(files): ", "")];
      }
    });
    expect(Object.fromEntries(said)).toMatchInlineSnapshot(`
      {
        "2 GB claimed": "expected 2147483648 bytes for the weight a (1024×1024×512), got 8, the rest of its file. Check that model.json is complete and unchanged.",
        "2 GB of text claimed": "expected 2147483651 bytes for the weight a (1), got 4, the rest of its file. Check that model.json is complete and unchanged.",
        "a billion texts claimed": "expected more bytes for the weight a (1000000000), got 8, the rest of its file. Check that model.json is complete and unchanged.",
        "a drive": "expected paths of weight files in its own folder, got C:w. Check that model.json is complete and unchanged.",
        "a file twice": "expected every file once, got w twice. Check that model.json is complete and unchanged.",
        "a list": "expected a JSON object, got a list. Check that model.json is complete and unchanged.",
        "a missing file": "expected the weight file w, got none. Check that model.json is complete and unchanged.",
        "a name that moves the cursor": "expected a shape for the weight a�[2J, got [-1]. Check that model.json is complete and unchanged.",
        "a name twice": "expected every weight once, got a twice. Check that model.json is complete and unchanged.",
        "a negative size": "expected a shape for the weight a, got [-1,-2]. Check that model.json is complete and unchanged.",
        "a path above": "expected paths of weight files in its own folder, got ../w. Check that model.json is complete and unchanged.",
        "a path from the root": "expected paths of weight files in its own folder, got /etc/passwd. Check that model.json is complete and unchanged.",
        "a path inside that leads above": "expected paths of weight files in its own folder, got a/../../w. Check that model.json is complete and unchanged.",
        "an address": "expected paths of weight files in its own folder, got https://example.org/w. Check that model.json is complete and unchanged.",
        "an unknown quantization": "expected a quantization that TF.js knows for the weight a of float32, got {"dtype":"uint4"}. Check that model.json is complete and unchanged.",
        "an unknown type": "expected float32, int32, bool, complex64, string as the dtype for the weight a, got float8. Check that model.json is complete and unchanged.",
        "another file": "expected a model.json of TensorFlow.js, got bytes that are no text in UTF-8. Check that model.json is complete and unchanged.",
        "cut short": "expected JSON, got "Unterminated string in JSON at position 40". Check that model.json is complete and unchanged.",
        "empty": "expected JSON, got "Unexpected end of JSON input". Check that model.json is complete and unchanged.",
        "more than numbers can count": "expected 3.2451855365842665e+32 bytes for the weight a (9007199254740991×9007199254740991), got 8, the rest of its file. Check that model.json is complete and unchanged.",
        "nested lists": "expected at most 200 lists and objects inside each other, got more. Check that model.json is complete and unchanged.",
        "nested objects": "expected at most 200 lists and objects inside each other, got more. Check that model.json is complete and unchanged.",
        "no manifest": "expected a model.json with a weightsManifest, got undefined. Check that model.json is complete and unchanged.",
        "too few bytes": "expected 12 bytes for the weight a (3), got 8, the rest of its file. Check that model.json is complete and unchanged.",
        "too many bytes": "expected 4 bytes of weights, as their shapes say, got 8. Check that model.json is complete and unchanged.",
      }
    `);
  });
});
