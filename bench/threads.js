// What two threads gain, kernel by kernel: time against size on one thread, on two that always share, and on two by the
// rule of src/backend/wasm/pool.ts; what the library takes the work to be (`said`); and where sharing begins to pay.
// npm run build && node bench/threads.js [kernel …] [--seconds 1]
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { membersOn } from "../dist/backend/wasm/index.js";
import { board } from "../dist/backend/wasm/job-board.js";
import { Runtime } from "../dist/backend/wasm/runtime.js";
import { fill } from "../dist/backend/wasm/signatures.generated.js";
import { SEED, UNIT, uniform } from "./peers/data.js";

/** A runtime that adds up what its kernels are said to take. */
class Counting extends Runtime {
  nanoseconds = 0;
  share(kernel, call, named) {
    this.nanoseconds += call.work;
    super.share(kernel, call, named);
  }
}

const always = { awake: 0, asleep: 0 };
const WAYS = {
  one: { runtime: new Counting(), threads: 1 },
  shared: { runtime: new Counting(always), threads: 2 },
  rule: { runtime: new Counting(), threads: 2 },
};
for (const way of Object.values(WAYS)) {
  way.runtime.askForThreads(way.threads);
  await way.runtime.pool.ready();
  way.members = membersOn(way.runtime);
}

const host = uniform(1 << 22, SEED.x, UNIT);
/** A block of `length` drawn values. */
function block(members, length) {
  const at = members.allocate(4 * length);
  for (let done = 0; done < length; done += host.length) {
    members.write(at, host.subarray(0, Math.min(host.length, length - done)), 4 * done);
  }
  return at;
}

const line = (n) => ({
  extents: [n],
  xStrides: [1],
  yStrides: [1],
  aStrides: [1],
  bStrides: [1],
  xOffset: 0,
  yOffset: 0,
});
const adamStep = {
  ...{ lr: 1e-6, beta1: 0.9, beta2: 0.999, eps: 1e-8, decoupled: false },
  ...{ correction1: 0.5, correction2: 0.5, gradientScale: 1, gate: null },
};

/** Sizes, twice as large each. */
const doublings = (first, last) => {
  const sizes = [];
  for (let n = first; n <= last; n *= 2) sizes.push(n);
  return sizes;
};

function unary(op) {
  return {
    sizes: doublings(512, 1 << 20),
    make: (k, n) => {
      const [x, y] = [block(k, n), block(k, n)];
      return () => k.unary(op, x, y, n, 1);
    },
  };
}

function norm(viewOf, isBackward) {
  return (k, n) => {
    const view = viewOf(n);
    const size = view.outer * view.kept * view.inner;
    const [x, dy, y] = [block(k, size), block(k, size), block(k, size)];
    const [weight, bias, dweight, dbias] = [0, 1, 2, 3].map(() => block(k, view.period));
    const moments = k.allocate(24 * view.kept);
    const map = { weight, bias, eps: 1e-5, rectifies: false };
    k.moments(x, view, null, moments);
    if (isBackward) return () => k.standardizeGradient(dy, x, moments, view, map, y, dweight, dbias);
    return () => {
      k.moments(x, view, null, moments);
      k.standardize(x, moments, view, map, y);
    };
  };
}

const vectors = (rows) => ({ outer: rows, kept: 256, inner: 1, repeat: 1, period: 256 });
const images = (count) => ({ outer: count, kept: 16, inner: 196, repeat: 196, period: 16 });
const rowsOf = (rows) => ({ outer: 1, kept: rows, inner: 256, repeat: 1, period: 256 });

function pool(kind, isBackward) {
  return (k, planes) => {
    const geometry = {
      ...{ planes, height: 28, width: 28, outHeight: 14, outWidth: 14 },
      ...{ kernel: [2, 2], stride: [2, 2], padding: [0, 0] },
    };
    const [x, y, indices] = [block(k, planes * 784), block(k, planes * 196), block(k, planes * 196)];
    if (kind === "max") {
      k.maxPool2d(x, y, indices, geometry);
      return isBackward
        ? () => k.maxPool2dGradient(y, indices, x, geometry)
        : () => k.maxPool2d(x, y, indices, geometry);
    }
    return isBackward ? () => k.avgPool2dGradient(y, x, geometry) : () => k.avgPool2d(x, y, geometry);
  };
}

function conv(inChannels, outChannels, side, options, direction = "forward") {
  return (k, batch) => {
    const geometry = {
      ...{ batch, inChannels, outChannels, height: side, width: side, outHeight: side, outWidth: side },
      ...{ kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 },
      ...options,
    };
    const [x, y] = [block(k, batch * inChannels * side * side), block(k, batch * outChannels * side * side)];
    const weight = block(k, (outChannels * inChannels * geometry.kernel[0] * geometry.kernel[1]) / geometry.groups);
    if (direction === "forward") return () => k.conv2d(x, weight, null, y, geometry);
    if (direction === "input") return () => k.conv2dInputGradient(y, weight, x, geometry);
    return () => k.conv2dWeightGradient(y, x, weight, geometry);
  };
}

const batches = doublings(1, 64);
const rowSums = doublings(4, 4096);

/** Kernels by name; a size is what `of` says. */
const KERNELS = {
  fill: {
    sizes: doublings(512, 1 << 20),
    make: (k, n) => {
      const y = block(k, n);
      return () => k.fill(y, n, 1);
    },
  },
  copy: {
    sizes: doublings(4096, 1 << 22),
    make: (k, n) => {
      const [x, y] = [block(k, n), block(k, n)];
      return () => k.copy(x, y, line(n));
    },
  },
  "transpose n×256": {
    sizes: doublings(4, 4096),
    make: (k, n) => {
      const [x, y] = [block(k, 256 * n), block(k, 256 * n)];
      const view = { extents: [n, 256], xStrides: [1, n], yStrides: [256, 1], xOffset: 0, yOffset: 0 };
      return () => k.copy(x, y, view);
    },
  },
  add: {
    sizes: doublings(4096, 1 << 20),
    make: (k, n) => {
      const [a, b, y] = [block(k, n), block(k, n), block(k, n)];
      return () => k.binary("add", a, b, y, line(n));
    },
  },
  "add a row of 64": {
    sizes: doublings(16, 1 << 14),
    make: (k, n) => {
      const [a, b, y] = [block(k, 64 * n), block(k, 64), block(k, 64 * n)];
      return () => k.binary("add", a, b, y, { extents: [n, 64], aStrides: [64, 1], bStrides: [0, 1] });
    },
  },
  ...Object.fromEntries(
    ["pow", "logisticLoss", "pass"].map((op) => [
      op,
      {
        sizes: doublings(512, 1 << 17),
        make: (k, n) => {
          const [a, b, y] = [block(k, n), block(k, n), block(k, n)];
          return () => k.binary(op, a, b, y, line(n));
        },
      },
    ]),
  ),
  ...Object.fromEntries(
    ["relu", "leakyRelu", "sqrt", "exp", "log", "elu", "gelu", "silu", "sigmoid", "tanh"].map((op) => [op, unary(op)]),
  ),
  ...Object.fromEntries(
    ["relu", "log", "elu", "gelu", "silu", "tanh"].map((op) => [
      `${op} gradient`,
      {
        sizes: doublings(512, 1 << 20),
        make: (k, n) => {
          const [dy, x, dx] = [block(k, n), block(k, n), block(k, n)];
          return () => k.unaryGradient(op, dy, x, dx, n, 1);
        },
      },
    ]),
  ),
  dropout: {
    sizes: doublings(1024, 1 << 20),
    make: (k, n) => {
      const [x, y] = [block(k, n), block(k, n)];
      return () => k.dropout(x, y, n, 0.5, 7);
    },
  },
  "sum of all": {
    sizes: doublings(4096, 1 << 22),
    make: (k, n) => {
      const [x, y] = [block(k, n), block(k, 16)];
      return () => k.sum(x, y, 1, n, 1);
    },
  },
  ...Object.fromEntries(
    ["sum", "max", "softmax", "logSoftmax", "softmaxGradient", "logSoftmaxGradient"].flatMap((op) =>
      [
        ["rows of 256", 256, 1],
        ["16 rows of columns", 16, 16],
      ].map(([title, count, inner]) => [
        `${op}, ${title}`,
        {
          sizes: rowSums,
          make: (k, n) => {
            const [x, y, z] = [0, 1, 2].map(() => block(k, n * 256));
            return op.endsWith("Gradient") ? () => k[op](x, y, z, n, count, inner) : () => k[op](x, y, n, count, inner);
          },
        },
      ]),
    ),
  ),
  "sum over n rows of 256": {
    sizes: doublings(64, 8192),
    make: (k, n) => {
      const [x, y] = [block(k, n * 256), block(k, 256)];
      return () => k.sum(x, y, 1, n, 256);
    },
  },
  "batch norm n×256": { sizes: doublings(8, 4096), make: norm(vectors, false) },
  "batch norm gradient n×256": { sizes: doublings(8, 4096), make: norm(vectors, true) },
  "batch norm n×16×14×14": { sizes: doublings(1, 512), make: norm(images, false) },
  "batch norm gradient n×16×14×14": { sizes: doublings(1, 512), make: norm(images, true) },
  "layer norm n×256": { sizes: doublings(4, 4096), make: norm(rowsOf, false) },
  "layer norm gradient n×256": { sizes: doublings(4, 4096), make: norm(rowsOf, true) },
  "cross-entropy n×10": {
    sizes: doublings(16, 4096),
    make: (k, n) => {
      const [x, p, loss, labels] = [block(k, 10 * n), block(k, 10 * n), block(k, 16), k.allocate(4 * n)];
      k.write(labels, new Int32Array(n).fill(3));
      return () => k.crossEntropy(x, labels, null, 0, n, 10, p, loss);
    },
  },
  adam: {
    sizes: doublings(512, 1 << 20),
    make: (k, n) => {
      const [p, g, m] = [block(k, n), block(k, n), block(k, n)];
      const v = block(k, n);
      k.fill(v, n, 1);
      const updates = [{ parameter: p, gradient: g, first: m, second: v, length: n, weightDecay: 0 }];
      return () => k.adamStep(updates, adamStep);
    },
  },
  "max pool 2×2, n planes of 28×28": { sizes: doublings(1, 1024), make: pool("max", false) },
  "max pool gradient, n planes of 28×28": { sizes: doublings(1, 1024), make: pool("max", true) },
  "average pool 2×2, n planes of 28×28": { sizes: doublings(1, 1024), make: pool("avg", false) },
  "average pool gradient, n planes of 28×28": { sizes: doublings(1, 1024), make: pool("avg", true) },
  "gather n rows of 64": {
    sizes: doublings(32, 1 << 14),
    make: (k, n) => {
      const [table, y, indices] = [block(k, 64000), block(k, 64 * n), k.allocate(4 * n)];
      k.write(
        indices,
        Int32Array.from({ length: n }, (_, i) => (i * 37) % 1000),
      );
      return () => k.gather(table, indices, y, n, 64);
    },
  },
  "GEMM n×n×n": {
    sizes: [8, 16, 24, 32, 48, 64, 96, 128, 256],
    make: (k, n) => {
      const [a, b, c] = [block(k, n * n), block(k, n * n), block(k, n * n)];
      return () => k.gemm(a, b, null, c, { m: n, n, k: n, transposeA: false, transposeB: false });
    },
  },
  "GEMM n×256×256": {
    sizes: batches,
    make: (k, n) => {
      const [a, b, c] = [block(k, n * 256), block(k, 65536), block(k, n * 256)];
      return () => k.gemm(a, b, null, c, { m: n, n: 256, k: 256, transposeA: false, transposeB: true });
    },
  },
  ...Object.fromEntries(
    [
      ["conv 3×3 1→16", 1, 16, 14, {}],
      ["conv 3×3 16→16", 16, 16, 14, {}],
      ["conv 3×3 depthwise 16", 16, 16, 14, { groups: 16 }],
      ["conv 1×1 16→32", 16, 32, 14, { kernel: [1, 1], padding: [0, 0] }],
    ].flatMap(([title, ...sizes]) =>
      ["forward", "input", "weight"].map((direction) => [
        `${title} at 14×14, n images, ${direction}`,
        { sizes: batches, make: conv(...sizes, direction) },
      ]),
    ),
  ),
};

/** Shortest time of one call, in ns, of each way; the ways take turns of some calls each. */
function measure({ make }, size, ms) {
  const runs = Object.entries(WAYS).map(([name, { members }]) => ({ name, run: make(members, size), best: Infinity }));
  const end = performance.now() + ms;
  do {
    for (const one of runs) {
      for (let spent = 0, turn = 0; turn < 8 || (spent < 0.3 && turn < 200); turn++) {
        const calls = one.best < 2000 ? 8 : 1;
        const start = performance.now();
        for (let call = 0; call < calls; call++) one.run();
        const took = performance.now() - start;
        one.best = Math.min(one.best, (1e6 * took) / calls);
        spent += took;
      }
    }
  } while (performance.now() < end);
  WAYS.one.runtime.nanoseconds = 0;
  runs[0].run();
  return { ...Object.fromEntries(runs.map(({ name, best }) => [name, best])), said: WAYS.one.runtime.nanoseconds };
}

/**
 * Microseconds of a job of 32 values: on one thread, by two of which the other is awake, and where it sleeps: tenth,
 * half, nine tenths of many.
 */
function measureEmptyJob() {
  const { runtime } = WAYS.shared;
  const y = runtime.memory.allocate(128);
  const words = new Int32Array(runtime.memory.memory.buffer, board.start, board.length);
  const asleep = () => {
    while (Atomics.load(words, board.sleeping) === 0);
    for (const start = performance.now(); performance.now() - start < 0.05; );
  };
  const runs = {
    "on one thread": [() => {}, () => runtime.run(fill, 2, { y, value: 0 })],
    "shared, the other awake": [() => {}, () => runtime.share(fill, { units: 2, work: 1e9 }, { y, value: 0 })],
    "shared, the other asleep": [asleep, () => runtime.share(fill, { units: 2, work: 1e9 }, { y, value: 0 })],
  };
  for (const [name, [before, run]] of Object.entries(runs)) {
    for (let warm = 0; warm < 5000; warm++) run();
    const times = Array.from({ length: 1000 }, () => {
      before();
      const start = performance.now();
      run();
      return performance.now() - start;
    }).sort((a, b) => a - b);
    const quantiles = [0.1, 0.5, 0.9].map((q) => micro(1e6 * times[Math.floor(q * times.length)]));
    console.log(`An empty job ${name}: ${quantiles.join(", ")} µs`);
  }
  runtime.memory.free(y, 128);
}

const micro = (ns) => (ns / 1000).toPrecision(3);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: "string", default: "1" } },
});
console.log(
  `${cpus()[0].model}, ${cpus().length} cores, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}; µs, shortest of many calls`,
);
measureEmptyJob();
console.log("| kernel | n | said | 1 thread | 2, always | 2, by the rule | gain |");
console.log("| --- | --- | --- | --- | --- | --- | --- |");
for (const [name, kernel] of Object.entries(KERNELS)) {
  if (positionals.length > 0 && !positionals.some((wanted) => name.includes(wanted))) continue;
  const marks = Object.values(WAYS).map(({ runtime }) => runtime.memory.inUse);
  let crossing = null;
  for (const size of kernel.sizes) {
    const held = Object.values(WAYS).map(({ runtime }) => recording(runtime));
    const { one, shared, rule, said } = measure(kernel, size, (1000 * values.seconds) / kernel.sizes.length);
    for (const free of held) free();
    if (shared < one) crossing ??= { size, one };
    else crossing = null;
    console.log(`| ${[name, size, ...[said, one, shared, rule].map(micro), (one / rule).toFixed(2)].join(" | ")} |`);
  }
  if (Object.values(WAYS).some(({ runtime }, k) => runtime.memory.inUse !== marks[k]))
    throw new Error("memory was lost");
  if (crossing !== null) console.log(`| ${name} | pays from ${crossing.size} | | ${micro(crossing.one)} | | | |`);
}

/** Notes what is allocated from now on; gives a function that frees all of it that is left. */
function recording({ memory }) {
  const blocks = new Map();
  const { allocate, free } = memory;
  memory.allocate = (bytes) => {
    const at = allocate.call(memory, bytes);
    blocks.set(at, bytes);
    return at;
  };
  memory.free = (at, bytes) => {
    blocks.delete(at);
    free.call(memory, at, bytes);
  };
  return () => {
    delete memory.allocate;
    delete memory.free;
    for (const [at, bytes] of blocks) memory.free(at, bytes);
  };
}
