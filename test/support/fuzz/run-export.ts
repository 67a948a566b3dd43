import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { BatchNorm, Linear, Sequential, saveModel, tensor, writeSafetensors } from "evenkeel";
import { loadRunExport } from "evenkeel/node";
import type { Draw } from "./draw.js";
import { damagedBytes, damagedJson, damagedText } from "./mutate.js";
import { joined, partsOf } from "./safetensors.js";
import { target } from "./target.js";

const path = join(mkdtempSync(join(tmpdir(), "evenkeel-fuzz-")), "run.json");
const inputs = tensor([
  [1, 2],
  [3, 4],
]);
const labels = tensor([0, 1]);
const samples = partsOf(
  writeSafetensors({ "train.inputs": inputs, "train.labels": labels, "test.inputs": inputs, "test.labels": labels }),
);
const model = partsOf(saveModel(new Sequential(new Linear(2, 3), new BatchNorm(3))));
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

const bomb = base64(gzipSync(new Uint8Array(1e8), { level: 9 }));

function data(draw: Draw | null): string {
  if (draw?.once(40)) return bomb;
  const bytes = gzipSync(
    joined(draw, { ...samples, header: damagedJson(draw?.once(2) ? draw : null, samples.header) }),
    { level: 1 },
  );
  return base64(draw?.once(6) ? damagedBytes(draw, bytes) : bytes);
}

export const runExport = target<string>({
  name: "run export",
  sizeOf: ({ length }) => length,
  make(draw) {
    const file = {
      format: "evenkeel-playground",
      formatVersion: 1,
      data: data(draw?.once(2) ? draw : null),
      networks: [
        { name: "A", steps: 3, error: null, model: base64(joined(draw?.once(4) ? draw : null, model)) },
        { name: "B", steps: 0, error: "refused", model: null },
      ],
    };
    return damagedText(draw, damagedJson(draw?.once(2) ? draw : null, file));
  },
  read(text: string) {
    writeFileSync(path, text);
    return loadRunExport(path);
  },
});
