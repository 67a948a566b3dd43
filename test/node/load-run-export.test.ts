import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { BatchNorm, batches, evaluate, Linear, ReLU, Sequential, saveModel, tensor, writeSafetensors } from "evenkeel";
import { loadRunExport } from "evenkeel/node";
import { afterAll, describe, expect, test } from "vitest";
import { allowFreshStatistics } from "../support/fresh-statistics.js";
import { normal } from "../support/seeded.js";

const folder = mkdtempSync(join(tmpdir(), "evenkeel-run-export-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const packed = (bytes: Uint8Array): string => base64(gzipSync(bytes));
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const model = new Sequential(new Linear(2, 8), new BatchNorm(8), new ReLU(), new Linear(8, 2));
const stored = {
  format: "evenkeel-playground",
  formatVersion: 1,
  data: packed(
    writeSafetensors(
      {
        "train.inputs": normal([40, 2], 1),
        "train.labels": tensor(Float32Array.from({ length: 40 }, (_, k) => k % 2)),
        "test.inputs": normal([10, 2], 2),
        "test.labels": tensor(Float32Array.from({ length: 10 }, (_, k) => k % 2)),
      },
      { classes: "2" },
    ),
  ),
  networks: [
    { name: "A", steps: 0, error: "BatchNorm(0): refused", model: null },
    { name: "B", steps: 12, error: null, model: base64(saveModel(model, { inputShape: [2], classes: ["0", "1"] })) },
  ],
};

function written(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

/** The message of a refusal, without the folder. */
function refusal(path: string): string {
  try {
    loadRunExport(path);
  } catch (error) {
    return String(error).replaceAll(`${folder}/`, "");
  }
  return "none";
}

describe("a run exported from the playground", () => {
  test("opens with its networks and its data", async () => {
    allowFreshStatistics();
    const { networks, train, test } = loadRunExport(written("run.json", stored));
    expect(networks.map(({ name, steps, error }) => ({ name, steps, error }))).toEqual([
      { name: "A", steps: 0, error: "BatchNorm(0): refused" },
      { name: "B", steps: 12, error: null },
    ]);
    expect([train.length, test.length, networks[0].trained]).toEqual([40, 10, null]);
    const trained = networks[1].trained;
    if (trained === null) throw new Error("network B was exported");
    const data = batches(test, { batchSize: 10 });
    expect(await evaluate(trained.model, data)).toEqual(await evaluate(model, data));
    expect(trained.meta.classes).toEqual(["0", "1"]);
  });

  test("that is none, or damaged, is refused with its name", () => {
    expect(refusal(join(folder, "missing.json"))).toMatchInlineSnapshot(
      `"DataError: loadRunExport(missing.json): expected a file, got ENOENT: no such file or directory, open 'missing.json'. Check the name."`,
    );
    expect(refusal(written("text.json", "no JSON"))).toMatchInlineSnapshot(
      `"FormatError: loadRunExport(text.json): expected a run exported from the playground, got something else. Export the run again from the playground."`,
    );
    expect(refusal(written("other.json", { format: "other" }))).toMatchInlineSnapshot(
      `"FormatError: loadRunExport(other.json): expected a run exported from the playground, got something else. Export the run again from the playground."`,
    );
    expect(refusal(written("newer.json", { ...stored, formatVersion: 2 }))).toMatchInlineSnapshot(
      `"FormatError: loadRunExport(newer.json): expected formatVersion 1, got 2. Export the run again from the playground."`,
    );
    expect(refusal(written("empty.json", { ...stored, networks: undefined }))).toMatchInlineSnapshot(
      `"FormatError: loadRunExport(empty.json): expected a list of at most two networks, got undefined. Export the run again from the playground."`,
    );
    expect(refusal(written("names.json", { ...stored, networks: [{ name: "C" }] }))).toMatchInlineSnapshot(
      `"FormatError: loadRunExport(names.json): expected networks with name and steps, got {"name":"C","steps":undefined}. Export the run again from the playground."`,
    );
    expect(refusal(written("bytes.json", { ...stored, data: 7 }))).toMatchInlineSnapshot(
      `"FormatError: loadRunExport(bytes.json): expected data and models in base64, got number. Export the run again from the playground."`,
    );
    expect(refusal(written("cut.json", { ...stored, data: stored.data.slice(0, 400) }))).toMatchInlineSnapshot(
      `"FormatError: loadRunExport(cut.json): expected whole gzipped data, got unexpected end of file. Download or export it again."`,
    );
    const short = gunzipSync(Buffer.from(stored.data, "base64")).subarray(0, 300);
    expect(refusal(written("short.json", { ...stored, data: packed(short) }))).toMatchInlineSnapshot(
      `"FormatError: loadRunExport(short.json): expected a header of 312 bytes, got 292 bytes in all. Check that the file is a complete .safetensors file."`,
    );
    expect(refusal(written("parts.json", { ...stored, data: packed(writeSafetensors({}, {})) }))).toMatchInlineSnapshot(
      `"FormatError: loadRunExport(parts.json): expected train.inputs and train.labels, got nothing. Export the run again from the playground."`,
    );
  });
});
