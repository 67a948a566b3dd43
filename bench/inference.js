import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { INFERENCE_NETWORKS } from "./inference-cases.js";
import { cell, describeRun, format, formatRatio, headings, markdownLine, putIntoReadme, summarise } from "./report.js";
import { disagreements, Peer, runCase } from "./runner.js";

const RESULTS = new URL("inference.json", import.meta.url);
const MARKERS = ["<!-- inference: written by `npm run bench -- --write` -->", "<!-- end of inference -->"];

/** What a page downloads to run a network, besides the network itself. */
const LIBRARIES = {
  evenkeel: ["../dist/evenkeel.min.js"],
  onnxruntime: [
    "node_modules/onnxruntime-web/dist/ort.wasm.min.mjs",
    "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.mjs",
    "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
  ],
  "tfjs-wasm": [
    "node_modules/@tensorflow/tfjs/dist/tf.min.js",
    "node_modules/@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.min.js",
    "node_modules/@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-simd.wasm",
  ],
};

/** Gzipped, of all files together; undefined where one is not there. */
function downloadBytes(files) {
  const urls = files.map((file) => new URL(file, import.meta.url));
  if (!urls.every((url) => existsSync(url))) return undefined;
  return urls.reduce((total, url) => total + gzipSync(readFileSync(url)).length, 0);
}

/** The networks as files, written by another process so that no peer's memory holds what wrote them. */
function writeNetworks() {
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-bench-"));
  const { status } = spawnSync(
    process.execPath,
    [fileURLToPath(new URL("inference-networks.js", import.meta.url)), folder],
    {
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  if (status !== 0) throw new Error(`bench/inference-networks.js: expected to end with 0, got ${status}`);
  return folder;
}

/**
 * From the start of a process to the first output of one sample, in ms, and its largest memory by then: the least of
 * the rounds.
 */
async function firstResults(network, ids, settings, files) {
  const results = Object.fromEntries(ids.map((id) => [id, []]));
  const params = { name: network.name, input: network.input, batch: 1, files };
  for (let round = 0; round < settings.rounds; round++) {
    for (const id of ids) {
      const peer = new Peer(id, settings.threads);
      const start = performance.now();
      const answer = await peer.ask({ kind: "inference", params }, { ...settings, budgetMs: 0 });
      const ms = performance.now() - start;
      peer.stop();
      if (answer.unsupported === undefined) results[id].push({ ms, memoryMiB: answer.memoryMiB });
    }
  }
  const measured = Object.entries(results).filter(([, list]) => list.length > 0);
  return Object.fromEntries(
    measured.map(([id, list]) => [
      id,
      {
        ms: Math.min(...list.map(({ ms }) => ms)),
        memoryMiB: Math.min(...list.map(({ memoryMiB }) => memoryMiB)),
      },
    ]),
  );
}

/** Runs the inference cases. @param {(text: string) => void} say is given a line for each case */
export async function runInference(cases, peers, settings, about, say, onProgress) {
  const files = writeNetworks();
  try {
    const ids = peers.map(({ id }) => id);
    const run = { ...about, cases: [], starts: [], disagreements: [] };
    for (const work of cases) {
      const asked = { ...work, params: { ...work.params, files } };
      const results = await runCase(asked, peers, settings, (round, peer) => onProgress(work, round, peer));
      run.disagreements.push(...disagreements(work, results));
      const row = { id: work.id, title: work.title, results: {} };
      for (const { id } of peers) {
        row.results[id] = "rounds" in results[id] ? summarise(results[id].rounds) : results[id];
      }
      run.cases.push(row);
      say(`${row.title}: ${ids.map((id) => `${id} ${latency(row, id)}`).join(" | ")}`);
    }
    const names = new Set(cases.map(({ params }) => params.name));
    for (const network of INFERENCE_NETWORKS.filter(({ name }) => names.has(name))) {
      run.starts.push({ title: network.title, results: await firstResults(network, ids, settings, files) });
    }
    run.networkBytes = JSON.parse(readFileSync(join(files, "sizes.json"), "utf8"));
    run.libraryBytes = Object.fromEntries(Object.entries(LIBRARIES).map(([id, list]) => [id, downloadBytes(list)]));
    return run;
  } finally {
    rmSync(files, { recursive: true });
  }
}

/** The fastest, the median and the tail, and the ratio to ours. */
function latency(row, id) {
  const result = row.results[id];
  const [time, ...rest] = cell(row, id);
  if (result === undefined || !("ms" in result)) return time ?? "–";
  const ratio = rest.at(-1)?.endsWith("×") ? [`**${rest.at(-1)}**`] : [];
  return [time, `(${[result.median, result.p95, result.p99].map(format).join(", ")})`, ...ratio].join(" ");
}

const megabytes = (bytes) => (bytes === undefined ? "–" : `${(bytes / 1e6).toPrecision(3)} MB`);

/** @returns {string} the tables of a run as Markdown */
export function inferenceTables(run) {
  const ids = Object.keys(run.peers);
  const head = headings(run).map((heading) => heading.replaceAll("\n", "<br>"));
  const rule = markdownLine(["---", ...ids.map(() => "---")]);
  const start = (results, id) => {
    const result = results[id];
    if (result === undefined) return "–";
    const ratio =
      id === "evenkeel" || !results["evenkeel"] ? "" : ` **${formatRatio(result.ms / results["evenkeel"].ms)}**`;
    return `${format(result.ms)}${ratio}, ${result.memoryMiB.toFixed(0)} MiB`;
  };
  const file = { evenkeel: ".safetensors", "evenkeel-folded": "-folded.safetensors", onnxruntime: ".onnx" };
  const networks = ({ name }, id) => {
    const bytes = run.networkBytes;
    if (file[id]) return megabytes(bytes[`${name}${file[id]}`]);
    return megabytes(bytes[`${name}-tfjs.bin`] && bytes[`${name}-tfjs.bin`] + bytes[`${name}-tfjs.json`]);
  };
  return [
    describeRun(run),
    "",
    markdownLine(["ms: fastest (median, 95 %, 99 %)", ...head]),
    rule,
    ...run.cases.map((row) => markdownLine([row.title, ...ids.map((id) => latency(row, id))])),
    "",
    markdownLine(["ms to the first output of one sample, memory of the process", ...head]),
    rule,
    ...run.starts.map(({ title, results }) => markdownLine([title, ...ids.map((id) => start(results, id))])),
    "",
    markdownLine(["download, gzipped", ...head]),
    rule,
    markdownLine(["the library", ...ids.map((id) => megabytes(run.libraryBytes[id.replace("-folded", "")]))]),
    ...INFERENCE_NETWORKS.map((one) => markdownLine([one.title, ...ids.map((id) => networks(one, id))])),
    ...run.disagreements.map((text) => `\n${text}`),
  ].join("\n");
}

/** Puts a run into `inference.json` and its tables into `README.md`. */
export function writeInference(run) {
  writeFileSync(RESULTS, `${JSON.stringify(run, null, 2)}\n`);
  putIntoReadme(MARKERS, inferenceTables(run));
}
