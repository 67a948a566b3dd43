// What each norm costs beside batch norm: in inference, forward in training, and forward and backward. The two take
// turns over many short rounds in one process, and the least time of each counts, so that other work of the machine
// hardly matters.
//   npm run build && EVENKEEL_THREADS=1 node bench/norms.js [name…]
//   node bench/norms.js --write                     # and puts the table into docs/norms.md
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import * as evenkeel from "../dist/index.js";

const { BatchNorm, Conv2d, GroupNorm, Module, ReLU, Sequential, memoryInUse, noGrad, onWarning, scope, seed, tensor } =
  evenkeel;

seed(1);
onWarning(() => {});
const [rounds, leastMs] = [40, 2];
const [batch, channels, side, rows] = [16, 64, 28, 1024];
const images = [batch, channels, side, side];
const vectors = [rows, 256];
const generator = new evenkeel.Generator(1);
const random = (shape) => {
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float32Array.from({ length: size }, () => generator.normal()),
    shape,
    { requiresGrad: true },
  );
};

/** A second argument of forward. */
class With extends Module {
  constructor(layer, ...more) {
    super();
    this.layer = layer;
    this.more = more;
  }
  forward(x) {
    return this.layer.forward(x, ...this.more);
  }
}

const convolution = () => new Conv2d(channels, channels, 3, { padding: 1 });
const condition = tensor(new Float32Array(batch * 16).fill(0.5), [batch, 16]);
const tokenCondition = tensor(new Float32Array(8 * 16).fill(0.5), [8, 16]);
const map = tensor(new Float32Array(batch * 4 * side * side).fill(0.5), [batch, 4, side, side]);
const withRelu = () => new Sequential(new BatchNorm(channels), new ReLU());
const groups = 8;

/** What each group of norms is measured on, beside what, and the norms. */
const parts = [
  {
    title: `images ${images.join("×")}, beside batch norm`,
    shape: images,
    base: () => new BatchNorm(channels),
    norms: {
      "ghost batch norm, 8 samples": () => new BatchNorm(channels, { virtualBatchSize: 8 }),
      "split batch norm": () => new evenkeel.SplitBatchNorm(channels, 2),
      "batch renormalisation": () => new evenkeel.BatchRenorm(channels, { schedule: null }),
      EvalNorm: () => new evenkeel.EvalNorm(new BatchNorm(channels), { alpha: 0.5, beta: 0.5 }),
      "whitening, 5 steps": () => new evenkeel.WhiteningBatchNorm(channels),
      "whitening, 4 groups": () => new evenkeel.WhiteningBatchNorm(channels, { groups: 4 }),
      "whitening, exact, 4 groups": () => new evenkeel.WhiteningBatchNorm(channels, { groups: 4, iterations: "exact" }),
      "layer norm of a sample": () => new GroupNorm(1, channels),
      "instance norm": () => new evenkeel.InstanceNorm(channels),
      "group norm, 8 groups": () => new GroupNorm(groups, channels),
      "pixel norm": () => new evenkeel.PixelNorm(),
      "local response norm": () => new evenkeel.LocalResponseNorm(5),
      "dynamic tanh": () => new evenkeel.DynamicTanh(channels, { channelsFirst: true }),
      "batch-instance norm": () => new evenkeel.BatchInstanceNorm(channels),
      "switchable norm": () => new evenkeel.SwitchableNorm(channels),
      FiLM: () => new With(new evenkeel.Film(channels, 16), condition),
      "conditional batch norm": () => new With(new evenkeel.ConditionalBatchNorm(channels, 16), condition),
      "adaptive instance norm": () => new With(new evenkeel.AdaptiveInstanceNorm(channels, 16), condition),
      "SPADE, 16 hidden channels": () => new With(new evenkeel.SpatiallyAdaptiveNorm(channels, 4, { hidden: 16 }), map),
    },
  },
  {
    title: `images ${images.join("×")}, beside batch norm and ReLU`,
    shape: images,
    base: withRelu,
    norms: {
      "filter response norm": () => new evenkeel.FilterResponseNorm(channels),
      "EvoNorm B0": () => new evenkeel.EvoNorm(channels),
      "EvoNorm S0, 8 groups": () => new evenkeel.EvoNorm(channels, { variant: "S0", groups }),
    },
  },
  {
    title: `vectors ${vectors.join("×")}, beside batch norm`,
    shape: vectors,
    base: () => new BatchNorm(vectors[1]),
    norms: {
      "layer norm": () => new evenkeel.LayerNorm(vectors[1]),
      "RMS norm": () => new evenkeel.RmsNorm(vectors[1]),
      "scale norm": () => new evenkeel.ScaleNorm(vectors[1]),
      "dynamic tanh of vectors": () => new evenkeel.DynamicTanh(vectors[1]),
    },
  },
  {
    title: "tokens 8×128×256, beside batch norm of 256×8×128 values",
    shape: [8, 128, 256],
    base: () => new BatchNorm(128),
    norms: {
      "adaptive layer norm": () => new With(new evenkeel.AdaptiveLayerNorm(256, 16), tokenCondition),
    },
  },
  {
    title: `a 3×3 convolution of ${channels} channels on those images, beside the same and batch norm`,
    shape: images,
    base: () => new Sequential(convolution(), new BatchNorm(channels)),
    norms: {
      "weight norm": () => new evenkeel.WeightNorm(convolution()),
      "spectral norm": () => new evenkeel.SpectralNorm(convolution()),
      "scaled weight standardisation": () => new evenkeel.ScaledWeightStandardization(convolution()),
      "weight standardisation and group norm": () =>
        new Sequential(new evenkeel.WeightStandardization(convolution()), new GroupNorm(groups, channels)),
    },
  },
];

/** What is timed of a layer. */
const passes = {
  inference: (layer, x) => {
    layer.eval();
    return () => scope(() => noGrad(() => void layer.forward(x)));
  },
  forward: (layer, x) => {
    layer.train();
    return () => scope(() => void layer.forward(x));
  },
  "forward and backward": (layer, x, dy) => {
    layer.train();
    return () =>
      scope(() => {
        layer.forward(x).backward(dy);
        for (const parameter of layer.parameters()) parameter.grad = null;
        x.grad = null;
      });
  },
};

/** Milliseconds of one call, over as many as fill the least time. */
function time(run, repetitions) {
  const started = performance.now();
  for (let k = 0; k < repetitions; k++) run();
  return (performance.now() - started) / repetitions;
}

function compared(makeBase, make, pass, shape) {
  const [x, dy] = [random(shape), random(shape)];
  const runs = [makeBase(), make()].map((layer) => passes[pass](layer, x, dy));
  const repetitions = runs.map((run) => {
    for (let k = 0; k < 5; k++) run();
    return Math.max(1, Math.ceil(leastMs / Math.min(...[0, 1, 2].map(() => time(run, 1)))));
  });
  const least = [Infinity, Infinity];
  for (let round = 0; round < rounds; round++)
    for (const [k, run] of runs.entries()) least[k] = Math.min(least[k], time(run, repetitions[k]));
  x.dispose();
  dy.dispose();
  return { base: least[0], own: least[1] };
}

const given = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const lines = [];
for (const { title, shape, base, norms } of parts) {
  const bases = {};
  const table = [];
  for (const [name, make] of Object.entries(norms)) {
    if (given.length > 0 && !given.some((word) => name.includes(word))) continue;
    const ratios = Object.keys(passes).map((pass) => {
      const found = compared(base, make, pass, shape);
      bases[pass] = Math.min(bases[pass] ?? Infinity, found.base);
      return found.own / found.base;
    });
    console.error(`${name}: ${ratios.map((ratio) => ratio.toFixed(2)).join(", ")} (${memoryInUse()} bytes in use)`);
    table.push(`| ${name} | ${ratios.map((ratio) => ratio.toFixed(ratio < 10 ? 1 : 0)).join(" | ")} |`);
  }
  if (table.length === 0) continue;
  const own = Object.values(bases).map((ms) => `${ms.toFixed(2)} ms`);
  lines.push(`| **${title}** | ${own.join(" | ")} |`, ...table);
}
const threads = process.env.EVENKEEL_THREADS ?? "all";
const text = [
  `| times the cost of batch norm | ${Object.keys(passes).join(" | ")} |`,
  `| --- | ${Object.keys(passes)
    .map(() => "---:")
    .join(" | ")} |`,
  ...lines,
  "",
  `${cpus()[0]?.model.trim() ?? "unknown processor"}, Node ${process.versions.node}, threads: ${threads}, ${new Date().toISOString().slice(0, 10)} · \`node bench/norms.js --write\``,
].join("\n");
console.log(text);

if (process.argv.includes("--write")) {
  const place = new URL("../docs/norms.md", import.meta.url);
  const markers = ["<!-- costs: written by `node bench/norms.js --write` -->", "<!-- end of costs -->"];
  const page = readFileSync(place, "utf8");
  const [start, end] = markers.map((marker) => page.indexOf(marker));
  if (start < 0 || end < 0)
    throw new Error(`docs/norms.md: expected ${markers.join(" and ")}. Put them where the table goes.`);
  writeFileSync(place, `${page.slice(0, start)}${markers[0]}\n\n${text}\n\n${page.slice(end)}`);
}
