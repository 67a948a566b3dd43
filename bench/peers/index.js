import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readProcessor } from "../processor.js";

/**
 * How to start each peer. All speak JSON lines, see `serve.js`; each in a process of its own.
 * @typedef {{ command: string, args: string[], env?: Record<string, string> } | { missing: string }} Start
 * @typedef {{ title: string, start: (threads: number) => Start }} PeerKind
 */

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const node = (file, ...args) => ({ command: process.execPath, args: [here(file), ...args.map(String)] });

/** @type {Readonly<Record<string, PeerKind>>} ours first */
export const PEERS = {
  evenkeel: { title: "Evenkeel", start: (threads) => startEvenkeel(threads) },
  "evenkeel-folded": { title: "Evenkeel, folded", start: (threads) => startEvenkeel(threads, "folded") },
  pytorch: { title: "PyTorch", start: startPyTorch },
  onnxruntime: { title: "onnxruntime-web", start: (threads) => node("onnxruntime.js", threads) },
  jax: { title: "jax-js wasm", start: (threads) => node("jax.js", threads) },
  "tfjs-wasm": { title: "TF.js wasm", start: () => node("tfjs.js", "wasm") },
  "tfjs-cpu": { title: "TF.js cpu", start: () => node("tfjs.js", "cpu") },
};

/** What chooses kernels or threads of BLAS, OpenMP and PyTorch: a machine may set them for another purpose. */
const KERNEL_VARIABLES = /^(OPENBLAS|GOTO|GOTOBLAS|MKL|BLIS|NVPL|OMP|GOMP|KMP|ATEN|DNNL|ONEDNN)_/;

/** The environment of peers: this process' own, without variables that would slow one of them down. */
export function peerEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !KERNEL_VARIABLES.test(name)));
}

function startEvenkeel(threads, ...args) {
  if (!existsSync(here("../../dist/index.js"))) return { missing: "not built: run npm run build" };
  return { ...node("evenkeel.js", threads, ...args), env: { EVENKEEL_THREADS: String(threads) } };
}

/**
 * The kernels of OpenBLAS for the widest vectors there are. It chooses them by the processor's model, and where it does
 * not know that, as in virtual machines, it takes those of 2004.
 */
function openBlasKernels() {
  const kernels = { avx512f: "SkylakeX", avx2: "Haswell" }[readProcessor()?.vectors];
  return kernels === undefined ? {} : { OPENBLAS_CORETYPE: kernels };
}

/** PyTorch at its best: both kinds of threads, and an allocator that keeps what it was given back. */
function startPyTorch(threads) {
  const candidates = [process.env.PYTHON, "python3", "/usr/bin/python3"].filter((name) => name !== undefined);
  const command = candidates.find((name) => spawnSync(name, ["-c", "import torch"]).status === 0);
  if (command === undefined)
    return { missing: "no python3 with torch: apt-get install python3-torch libopenblas0-pthread" };
  const env = {
    OMP_NUM_THREADS: String(threads),
    OPENBLAS_NUM_THREADS: String(threads),
    MKL_NUM_THREADS: String(threads),
    ...openBlasKernels(),
    MALLOC_MMAP_MAX_: "0",
    MALLOC_TRIM_THRESHOLD_: "4294967296",
  };
  return { command, args: [here("pytorch.py"), String(threads)], env };
}
