import { readFileSync } from "node:fs";
import { join } from "node:path";

/** An ONNX file that PyTorch wrote, in base64, an input, and what PyTorch gives of it. */
interface Fixture {
  readonly onnx: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** By name, of `test/fixtures/onnx-import.py`. */
export const fixtures: Readonly<Record<string, Fixture>> = JSON.parse(
  readFileSync(join(import.meta.dirname, "../fixtures/onnx-import.json"), "utf8"),
);
