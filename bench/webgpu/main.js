// Norms, products, convolutions and steps of training on WebGPU, beside jax-js and TF.js on the same device, in
// interleaved rounds, and then the self-test, within a quarter of an hour:
//
//     npm run build && npm install --prefix bench && node bench/webgpu/main.js [--rounds 3] [--cases mlp] [--json]
//
// `--cases` takes those whose name holds a text, without the self-test.
//
// What is asked of the device is counted in the same way for all, and its own clock times what it does, if it has one
// (timestamp-query). On a program that imitates a GPU only counts are printed: `--cases small --rounds 1 --budget 1`
// takes a minute there. It needs nothing from outside once it is installed.
import { fileURLToPath } from "node:url";
import { create, globals } from "webgpu";
import { selfTest } from "../../dist/backend/webgpu/index.js";
import { CASES } from "../cases.js";
import { Peer } from "../runner.js";

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const option = (name, otherwise) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const start = (file, ...args) => ({
  command: process.execPath,
  args: ["--import", here("gpu.js"), here(`../peers/${file}`), ...args],
  env: { BENCH_DEVICE: "webgpu" },
});
const peers = {
  evenkeel: { title: "Evenkeel", start: () => start("evenkeel.js", "1") },
  jax: { title: "jax-js", start: () => start("jax.js", "1") },
  tfjs: { title: "TF.js", start: () => start("tfjs.js", "webgpu") },
};

/** The device, and whether it is one. */
async function describeDevice() {
  Object.assign(globalThis, globals);
  const gpu = create([]);
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error("no GPU: install its driver (on Linux with its Vulkan part)");
  const { vendor, architecture, description } = adapter.info;
  const name = [vendor, architecture, description].filter((part) => part !== "").join(" ");
  return { name, isSoftware: /swiftshader|llvmpipe|lavapipe/i.test(name) };
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** In ms: of the host, of the device by its own clock, and until the loss is read. */
function timesOf(answers) {
  const onDevice = answers.map(({ gpu }) => gpu.device).filter((time) => time !== null);
  return {
    host: median(answers.map(({ gpu }) => gpu.host)),
    device: onDevice.length === 0 ? null : median(onDevice),
    step: median(answers.map(({ ms }) => ms)),
  };
}

function describeTimes({ host, device: onDevice, step }) {
  if (step === undefined) return "";
  const own = onDevice === null ? "not timed (no timestamp-query)" : `${onDevice.toFixed(3)} ms`;
  return `; host ${host.toFixed(2)} ms, device ${own}, until it is read ${step.toFixed(2)} ms`;
}

const device = await describeDevice();
const settings = { rounds: option("--rounds", 3), budgetMs: option("--budget", 500), limitMs: 180_000, threads: 1 };
const running = Object.keys(peers).map((id) => new Peer(id, 1, peers));
const rows = [];
const part = process.argv.includes("--cases") ? process.argv[process.argv.indexOf("--cases") + 1] : null;
const kinds = ["copy", "batchNormForward", "batchNormBoth", "rowNormBoth", "gemm", "convBoth", "trainingStep"];
const large = { id: "gemm-4096", title: "GEMM, 4096³", kind: "gemm", params: { m: 4096, n: 4096, k: 4096 } };
for (const work of [...CASES, large].filter(({ id, kind }) => kinds.includes(kind) && id.includes(part ?? ""))) {
  const found = new Map(running.map((peer) => [peer, []]));
  for (let round = 0; round < settings.rounds; round++) {
    for (const peer of running) found.get(peer).push(await peer.ask(work, settings));
  }
  for (const [{ about }, answers] of found) {
    const last = answers.at(-1);
    const loss = last.check?.map(([value]) => value);
    rows.push(
      last.unsupported === undefined
        ? {
            case: work.title,
            peer: about.title,
            ...last.gpu,
            ...(device.isSoftware ? { host: undefined, device: undefined } : timesOf(answers)),
            [work.kind === "trainingStep" ? "loss" : "digests"]: loss,
          }
        : { case: work.title, peer: about.title, unsupported: last.unsupported },
    );
  }
}
for (const peer of running) peer.stop();
const report = part === null ? await selfTest() : null;

if (process.argv.includes("--json")) console.log(JSON.stringify({ device, rows, selfTest: report }, null, 2));
else {
  const kind = device.isSoftware ? ": a program that imitates a GPU. Counts hold anywhere; its times say nothing." : "";
  console.log(`${device.name}${kind}`);
  for (const row of rows) {
    const { case: title, peer, unsupported, dispatches, submits, bindGroups, buffers } = row;
    const counts = `${dispatches} dispatches, ${submits} submits, ${bindGroups} bind groups, ${buffers} buffers`;
    console.log(`${title}, ${peer}: ${unsupported ?? counts + describeTimes(row)}`);
  }
  for (const { name, error, most, isGood } of report?.rows ?? [])
    console.log(`${isGood ? "ok  " : "FAIL"} ${name}: error ${error}, promised ${most}`);
  for (const { name, milliseconds, gflops, gigabytes } of report?.speed ?? [])
    console.log(`${name}: ${milliseconds} ms, ${gflops === null ? `${gigabytes} GB/s` : `${gflops} GFLOPS`}`);
}
