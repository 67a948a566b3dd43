// Draws the cubes of docs/norms.md: (N, C, H×W) as a box, in which the values that share a mean are filled. Run it with
// node; a test holds the files against it.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Samples (into the depth), channels (to the right), positions (downwards). */
const size = { n: 4, c: 6, s: 4 };
const unit = 16;
/** What a step into the depth moves by. */
const depth = { x: 9, y: -7 };
const origin = { x: 32, y: 44 };

/** Which values share the mean of the one at the front, on the top right. */
const shares = {
  batch: ({ c }) => c === size.c - 1,
  layer: ({ n }) => n === 0,
  instance: ({ n, c }) => n === 0 && c === size.c - 1,
  group: ({ n, c }) => n === 0 && c >= size.c - 2,
  position: ({ n, s }) => n === 0 && s === 0,
  neighbours: ({ n, c, s }) => n === 0 && s === 0 && c >= size.c - 3,
  split: ({ n, c }) => n < 2 && c === size.c - 1,
  whitening: ({ c }) => c >= size.c - 2,
  value: ({ n, c, s }) => n === 0 && c === size.c - 1 && s === 0,
};

const corner = (c, s, n) => `${origin.x + c * unit + n * depth.x} ${origin.y + s * unit + n * depth.y}`;

/** The three faces that one sees: cells, and the corners of each. */
function* faces() {
  for (let c = 0; c < size.c; c++) {
    for (let s = 0; s < size.s; s++) {
      yield [{ n: 0, c, s }, [corner(c, s, 0), corner(c + 1, s, 0), corner(c + 1, s + 1, 0), corner(c, s + 1, 0)]];
    }
    for (let n = 0; n < size.n; n++) {
      yield [{ n, c, s: 0 }, [corner(c, 0, n), corner(c + 1, 0, n), corner(c + 1, 0, n + 1), corner(c, 0, n + 1)]];
    }
  }
  for (let n = 0; n < size.n; n++) {
    for (let s = 0; s < size.s; s++) {
      const c = size.c;
      const around = [corner(c, s, n), corner(c, s, n + 1), corner(c, s + 1, n + 1), corner(c, s + 1, n)];
      yield [{ n, c: c - 1, s }, around];
    }
  }
}

function draw(name) {
  const cells = [...faces()];
  const path = (isFilled) =>
    cells
      .filter(([cell]) => shares[name](cell) === isFilled)
      .map(([, [first, ...rest]]) => `M${first}L${rest.join("L")}Z`)
      .join("");
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 174 128" width="174" height="128" role="img">',
    `<title>The values that share a mean: ${name}</title>`,
    "<style>path{stroke:#6b7280;stroke-width:.8;stroke-linejoin:round}.rest{fill:#fff}.share{fill:#2563eb}",
    "text{font:11px system-ui,sans-serif;fill:#4b5563}",
    "@media(prefers-color-scheme:dark){path{stroke:#9ca3af}.rest{fill:#1f2937}.share{fill:#60a5fa}text{fill:#d1d5db}}</style>",
    `<path class="rest" d="${path(false)}"/>`,
    `<path class="share" d="${path(true)}"/>`,
    '<text x="80" y="124" text-anchor="middle">C</text><text x="27" y="80" text-anchor="end">H,W</text>',
    '<text x="41" y="28" text-anchor="end">N</text>',
    "</svg>",
    "",
  ].join("\n");
}

/** The text of each file, by its name. */
export function drawNormCubes() {
  return Object.fromEntries(Object.keys(shares).map((name) => [`${name}.svg`, draw(name)]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = join(import.meta.dirname, "../docs/norms");
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(drawNormCubes())) writeFileSync(join(folder, name), text);
}
