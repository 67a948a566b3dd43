import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
// The folder of a study has no public name: the command line alone makes one.
import { StudyFolder } from "../../../src/cli/runs/study-folder.js";
import { damagedJson, damagedText } from "./mutate.js";
import { target } from "./target.js";

const folder = mkdtempSync(join(tmpdir(), "evenkeel-fuzz-"));
const facts = { data: "mnist", train: 100, test: 20, protocol: 1 };
const lines = [
  { study: facts, begun: "2026-01-01T00:00:00.000Z" },
  { key: "a 0", measures: { accuracy: 0.5 }, seconds: 1 },
  { key: "a 1", measures: { accuracy: [0.5, 1] }, seconds: 2 },
];

export const studyFolder = target<string>({
  name: "study folder",
  sizeOf: ({ length }) => length,
  make: (draw) =>
    damagedJson(draw, lines)
      .map((line) => `${damagedText(draw, line)}\n`)
      .join(""),
  read(text: string) {
    writeFileSync(join(folder, "study.jsonl"), text);
    new StudyFolder(folder, facts).close();
  },
});
