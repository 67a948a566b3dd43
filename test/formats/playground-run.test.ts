import { decodeRun, decodeRunData, encodeRun, encodeRunData, type PlaygroundRun, type RunData } from "evenkeel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const bytes = fc.uint8Array({ maxLength: 20_000 });
const curve = fc.array(fc.oneof(fc.constant(null), fc.double({ noNaN: true, noDefaultInfinity: true })), {
  maxLength: 5,
});
const network = fc.record({
  name: fc.constantFrom("A", "B"),
  steps: fc.nat(),
  error: fc.option(fc.string()),
  curves: fc.record({ loss: curve, testLoss: curve }),
  layerCurves: fc.array(fc.record({ mean: curve })),
  model: fc.option(bytes),
});
const run: fc.Arbitrary<PlaygroundRun> = fc.record({
  evenkeel: fc.string(),
  experiment: fc.jsonValue(),
  data: bytes,
  networks: fc.tuple(network, network),
});

describe("a run of the playground", () => {
  test("comes back from JSON as it was", () => {
    fc.assert(
      fc.property(run, (given) => {
        // JSON has no -0.
        const plain: PlaygroundRun = { ...given, ...JSON.parse(JSON.stringify({ ...given, data: 0, networks: 0 })) };
        const networks = given.networks.map((one) => ({ ...JSON.parse(JSON.stringify(one)), model: one.model }));
        expect(decodeRun(JSON.parse(JSON.stringify(encodeRun(given))))).toEqual({
          ...plain,
          data: given.data,
          networks,
        });
      }),
    );
  });

  test("keeps its data to the bit", () => {
    const samples = (count: number, seed: number) => ({
      inputs: Float32Array.from({ length: count * 6 }, (_, k) => Math.sin(seed + k) / 3),
      labels: Int32Array.from({ length: count }, (_, k) => k % 3),
    });
    const data: RunData = { shape: [2, 3], classes: 3, train: samples(7, 1), test: samples(4, 2) };
    expect(decodeRunData(encodeRunData(data))).toEqual(data);
  });

  test("without what later versions added is read too", () => {
    const old = {
      format: "evenkeel-playground",
      formatVersion: 1,
      data: "AAE=",
      networks: [{ name: "A", steps: 3, model: null }],
    };
    expect(decodeRun(old)).toEqual({
      evenkeel: "",
      experiment: undefined,
      data: Uint8Array.of(0, 1),
      networks: [{ name: "A", steps: 3, error: null, curves: {}, layerCurves: [], model: null }],
    });
  });

  test("that is none is refused", () => {
    const good = { format: "evenkeel-playground", formatVersion: 1, data: "", networks: [] };
    const refused = [
      null,
      "text",
      [],
      { ...good, format: "other" },
      { ...good, formatVersion: 2 },
      { ...good, networks: 1 },
    ];
    const damaged = [
      { ...good, data: "?" },
      { ...good, networks: [null] },
      { ...good, networks: [{ name: "A", steps: 1 }] },
    ];
    const messages = [...refused, ...damaged].map((json) => {
      try {
        return decodeRun(json);
      } catch (error) {
        return String(error);
      }
    });
    expect(messages).toMatchInlineSnapshot(`
      [
        "FormatError: decodeRun(json): expected a run exported from the playground, got something else. Export the run again from the playground.",
        "FormatError: decodeRun(json): expected a run exported from the playground, got something else. Export the run again from the playground.",
        "FormatError: decodeRun(json): expected a run exported from the playground, got something else. Export the run again from the playground.",
        "FormatError: decodeRun(json): expected a run exported from the playground, got something else. Export the run again from the playground.",
        "FormatError: decodeRun(json): expected formatVersion 1, got 2. Export the run again from the playground.",
        "FormatError: decodeRun(json): expected a list of at most two networks, got 1. Export the run again from the playground.",
        "FormatError: decodeRun(json): expected data and models in base64, got other characters. Export the run again from the playground.",
        "FormatError: decodeRun(json): expected networks with name and steps, got {"name":undefined,"steps":undefined}. Export the run again from the playground.",
        "FormatError: decodeRun(json): expected data and models in base64, got undefined. Export the run again from the playground.",
      ]
    `);
    expect(() =>
      decodeRunData(encodeRunData({ shape: [1], classes: 1, train: none, test: none }).subarray(0, 20)),
    ).toThrow("Check that the file is a complete .safetensors file.");
  });
});

const none = { inputs: new Float32Array(1), labels: new Int32Array(1) };
