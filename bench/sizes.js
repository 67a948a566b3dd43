// Time per value against batch, channels and side, over three decades: where a cliff is, it shows. Writes sizes.svg.
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { BatchNorm, Conv2d, noGrad, onWarning, scope, tensor, threads } from "../dist/index.js";
import { SEED, sizeOf, UNIT, uniform } from "./peers/data.js";

/** Powers of two, the odd and the prime ones beside them, and 1. */
const SIZES = [
  1, 2, 3, 4, 5, 7, 8, 11, 16, 17, 31, 32, 33, 61, 64, 67, 127, 128, 129, 251, 256, 257, 509, 512, 1000, 1021,
];
const BUDGET_MS = 40;
/** Larger ones take too long to repeat. */
const MOST_VALUES = 1 << 23;

/** The shape of x where one of its sizes is varied. */
const AXES = {
  batch: (size) => [size, 16, 14, 14],
  channels: (size) => [8, size, 14, 14],
  side: (size) => [4, 8, size, size],
};

const WORKS = {
  "batch norm": ([, channels]) => new BatchNorm(channels),
  convolution: ([, channels]) => new Conv2d(channels, 16, 3, { padding: 1 }),
};

/** The shortest of several runs, in milliseconds. */
function shortest(layer, shape) {
  const x = tensor(uniform(sizeOf(shape), SEED.x, UNIT), shape, { requiresGrad: true });
  const dy = scope(() => noGrad(() => uniform(layer.forward(x).size, SEED.dy, UNIT)));
  let best = Number.POSITIVE_INFINITY;
  for (let spent = 0, runs = 0; spent < BUDGET_MS || runs < 3; runs++) {
    const start = performance.now();
    scope(() => layer.forward(x).backward(dy));
    const ms = performance.now() - start;
    for (const leaf of [x, ...layer.parameters()]) {
      leaf.grad?.dispose();
      leaf.grad = null;
    }
    best = Math.min(best, ms);
    spent += ms;
  }
  for (const t of [x, ...layer.parameters()]) t.dispose();
  return best;
}

/** Measures all sizes that fit and draws them. */
export async function drawSizes({ threads: count }) {
  await threads(count);
  // Small batches are wanted here.
  onWarning(() => {});
  const points = [];
  for (const [work, make] of Object.entries(WORKS)) {
    for (const [axis, shapeOf] of Object.entries(AXES)) {
      for (const size of SIZES) {
        const shape = shapeOf(size);
        if (sizeOf(shape) > MOST_VALUES) continue;
        points.push({ work, axis, size, nanoseconds: (1e6 * shortest(make(shape), shape)) / sizeOf(shape) });
      }
    }
  }
  const { document } = parseHTML("<html></html>");
  const figure = Plot.plot({
    document,
    width: 900,
    height: 640,
    marginLeft: 60,
    grid: true,
    x: { type: "log", label: "size of the axis" },
    y: { type: "log", label: "ns per value of x, forward and backward (convolution: 3×3 to 16 channels)" },
    color: { legend: false },
    fy: { label: null },
    marks: [
      Plot.frame(),
      Plot.line(points, { x: "size", y: "nanoseconds", stroke: "axis", fy: "work" }),
      Plot.dot(points, { x: "size", y: "nanoseconds", stroke: "axis", r: 2, fy: "work" }),
      Plot.text(
        points,
        Plot.selectLast({
          x: "size",
          y: "nanoseconds",
          z: "axis",
          text: "axis",
          fill: "axis",
          dx: 6,
          textAnchor: "start",
          fy: "work",
        }),
      ),
    ],
    marginRight: 90,
  });
  figure.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  writeFileSync(new URL("sizes.svg", import.meta.url), `${figure.outerHTML}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await drawSizes({ threads: 1 });
