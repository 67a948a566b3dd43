import { join } from "node:path";
import { foldOnnx } from "evenkeel/onnx";
import { describe, expect, test } from "vitest";
import { hasChromium, serve, visit } from "../support/chromium.js";
import { ocrModel } from "../support/onnx-peers.js";

const root = join(import.meta.dirname, "../..");
const modules = "/node_modules";
const imports = {
  evenkeel: "/dist/index.js",
  "evenkeel/onnx": "/dist/formats/onnx/index.js",
  "@bufbuild/protobuf": `${modules}/@bufbuild/protobuf/dist/esm/index.js`,
  "@bufbuild/protobuf/codegenv2": `${modules}/@bufbuild/protobuf/dist/esm/codegenv2/index.js`,
  "onnx-buf": `${modules}/onnx-buf/dist/onnx_pb.js`,
  "onnxruntime-web/wasm": `${modules}/onnxruntime-web/dist/ort.wasm.bundle.min.mjs`,
};
const page =
  `<!doctype html><link rel="icon" href="data:," />` +
  `<script type="importmap">${JSON.stringify({ imports })}</script>`;

/** What the page does with a model; text, since the test runner would rewrite the imports of a function. */
const script = `(async () => {
  const onnx = await import("evenkeel/onnx");
  const { BatchNorm, Conv2d, ReLU, Sequential, predict, tensor } = await import("evenkeel");
  const bytes = new Uint8Array(await (await fetch("/model.onnx")).arrayBuffer());
  const original = bytes.slice();
  const shape = [1, 3, 48, 96];
  const values = Float32Array.from({ length: 3 * 48 * 96 }, (_, i) => Math.sin(i * i));
  const { norms } = await onnx.inspectOnnx(bytes);
  const folding = await onnx.foldOnnx(bytes, { shapes: { x: shape } });
  const repair = await onnx.repairOnnx(bytes);
  const recalibration = await onnx.recalibrateOnnx(bytes, [{ x: { shape, values } }], { mode: "batch" });
  const model = new Sequential(new Conv2d(3, 4, 3), new BatchNorm(4), new ReLU());
  const file = await onnx.exportOnnx(model, { inputShape: [3, 8, 8] });
  const verification = await onnx.verifyOnnxExport(file, model);
  const imported = await onnx.importOnnx(file);
  const x = tensor(values.slice(0, 192), [1, 3, 8, 8]);
  const [a, b] = [await predict(model.eval(), x), await predict(imported.model.eval(), x)];
  const refusal = await onnx.inspectOnnx(bytes.slice(0, 1000)).catch((error) => error.name + ": " + error.message);
  return {
    norms: norms.length,
    folded: folding.folded.length,
    difference: folding.verification.maxRelative,
    bytes: [...folding.bytes],
    repaired: repair.repaired.length,
    recalibrated: recalibration.norms.length,
    exported: verification.maxRelative,
    same: (await a.data()).every((value, k) => value === b.dataSync()[k]),
    refusal,
    untouched: bytes.every((byte, k) => byte === original[k]),
  };
})()`;

describe.skipIf(!hasChromium)("evenkeel/onnx in Chromium (skipped without /usr/bin/chromium)", () => {
  test("inspects, folds, repairs, recalibrates, exports and imports byte arrays, to the same bytes as in Node", async () => {
    const model = ocrModel("cls");
    const { url, close } = await serve(root, {}, { "/": page, "/model.onnx": model });
    try {
      await visit(url, async ({ page: tab, errors }) => {
        const { bytes, difference, exported, ...rest } = await tab.evaluate<{
          readonly bytes: number[];
          readonly difference: number;
          readonly exported: number;
        }>(script);
        expect(errors).toEqual([]);
        expect(rest).toMatchInlineSnapshot(`
          {
            "folded": 35,
            "norms": 35,
            "recalibrated": 35,
            "refusal": "FormatError: inspectOnnx(bytes): expected an ONNX model, got 578954 bytes claimed for ModelProto.graph at byte 2, where 994 are left. Check that the file is a complete .onnx file.",
            "repaired": 0,
            "same": true,
            "untouched": true,
          }
        `);
        expect(difference).toBeLessThan(1e-5);
        expect(exported).toBeLessThan(1e-5);
        const here = await foldOnnx(model, { verify: false });
        expect(Buffer.compare(Uint8Array.from(bytes), here.bytes)).toBe(0);
      });
    } finally {
      close();
    }
  });
});
