import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  conformanceTests,
  hasConformanceTests,
  tableOf,
  type Verdict,
  verdictOf,
} from "../support/onnx-conformance.js";

const reason = hasConformanceTests ? "" : " (skipped: Debian's libonnx-testdata is not installed)";

describe.skipIf(!hasConformanceTests)(`ONNX's own tests of single nodes${reason}`, () => {
  test("are passed or refused at import, as docs/formats.md says by family", async () => {
    const verdicts: Record<string, Verdict> = {};
    for (const one of conformanceTests()) verdicts[one.name] = await verdictOf(one);
    const all = Object.entries(verdicts);
    expect(all).toHaveLength(671);
    const faults = all.filter(([, { outcome }]) => outcome === "wrong" || outcome === "refused when it runs");
    expect(faults).toEqual([]);
    expect(all.filter(([, { outcome }]) => outcome === "passed").length).toBeGreaterThanOrEqual(593);
    const docs = readFileSync(join(import.meta.dirname, "../../docs/formats.md"), "utf8");
    expect(docs).toContain(tableOf(verdicts).join("\n"));
  });
});
