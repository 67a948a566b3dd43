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
/** Each point is measured in so many passes over all of them: a slow minute of the machine makes no cliff. */
const PASSES = 3;
const BUDGET_MS = 15;
/** Larger ones take too long to repeat. */
const MOST_VALUES = 1 << 23;

/** The shape of x where one of its sizes, n, is varied. */
const AXES = {
  batch: (n) => [n, 16, 14, 14],
  channels: (n) => [8, n, 14, 14],
  side: (n) => [4, 8, n, n],
};

const WORKS = {
  "batch norm": ([, channels]) => new BatchNorm(channels),
  "convolution 3×3 to 16 channels": ([, channels]) => new Conv2d(channels, 16, 3, { padding: 1 }),
};

/** The shortest of several runs, in milliseconds. */
function shortest(layer, shape, values) {
  const x = tensor(values.subarray(0, sizeOf(shape)), shape, { requiresGrad: true });
  const dy = values.subarray(
    0,
    scope(() => noGrad(() => layer.forward(x).size)),
  );
  let best = Number.POSITIVE_INFINITY;
  for (let spent = 0, runs = 0; spent < BUDGET_MS || runs < 3; runs++) {
    const start = performance.now();
    scope(() => layer.forward(x).backward(dy));
    const ms = performance.now() - start;
    for (const leaf of [x, ...layer.parameters()]) leaf.grad = null;
    best = Math.min(best, ms);
    spent += ms;
  }
  for (const t of [x, ...layer.parameters()]) t.dispose();
  return best;
}

/** Nanoseconds per value of x for every size that fits. */
function measureSizes() {
  const values = uniform(2 * MOST_VALUES, SEED.x, UNIT);
  const points = [];
  for (const [work, make] of Object.entries(WORKS)) {
    for (const [axis, shapeOf] of Object.entries(AXES)) {
      for (const size of SIZES) {
        const shape = shapeOf(size);
        if (sizeOf(shape) <= MOST_VALUES) points.push({ work, axis, size, shape, make, nanoseconds: Infinity });
      }
    }
  }
  for (let pass = 0; pass < PASSES; pass++) {
    for (const point of points) {
      const { make, shape } = point;
      const ms = shortest(make(shape), shape, values);
      point.nanoseconds = Math.min(point.nanoseconds, (1e6 * ms) / sizeOf(shape));
    }
  }
  return points;
}

/** Measures all sizes and draws them. */
export async function drawSizes() {
  await threads(1);
  // Small batches are wanted here.
  onWarning(() => {});
  const points = measureSizes();
  const { document } = parseHTML("<html></html>");
  const works = Object.keys(WORKS);
  const legend = Object.entries(AXES).map(([axis, shapeOf], row) =>
    Plot.text([works[0]], {
      ...{ fy: (work) => work, text: () => `${axis}: x of ${shapeOf("n").join("×")}`, fill: () => axis },
      ...{ frameAnchor: "top-right", dx: -8, dy: 8 + 18 * row, fontSize: 13 },
    }),
  );
  const figure = Plot.plot({
    document,
    width: 900,
    height: 640,
    marginLeft: 60,
    marginBottom: 44,
    style: { background: "white", fontSize: "12px" },
    grid: true,
    x: { type: "log", label: "n", ticks: [1, 3, 10, 30, 100, 300, 1000], tickFormat: "d" },
    y: { type: "log", label: "nanoseconds per value of x, forward and backward", tickFormat: "~s" },
    fy: { axis: null, domain: works },
    marks: [
      Plot.frame(),
      Plot.line(points, { x: "size", y: "nanoseconds", stroke: "axis", fy: "work" }),
      Plot.dot(points, { x: "size", y: "nanoseconds", stroke: "axis", r: 2, fy: "work" }),
      Plot.text(works, {
        ...{ fy: (work) => work, text: (work) => `${work}, 1 thread` },
        ...{ frameAnchor: "top", dy: 8, fontSize: 14, fontWeight: "bold" },
      }),
      ...legend,
    ],
  });
  figure.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  writeFileSync(new URL("sizes.svg", import.meta.url), `${figure.outerHTML}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await drawSizes();
