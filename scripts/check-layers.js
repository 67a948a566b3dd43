// Imports of src/ point one way: a place may import itself and whatever stands on an earlier line of `layers`.
// `npm run check` runs it.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

/** Lowest first. Names are folders of src/ or files; those on one line may import one another. */
const layers = [
  ["errors", "options", "nearest", "elementary", "communicator", "shown", "version", "check-range", "check-one-of"],
  ["shape", "random", "warnings", "moments", "print-tensor"],
  ["backend", "threads", "layer-pass"],
  ["tensor", "tensor-copies", "scope", "autograd", "storage", "hold", "collector", "create", "tracing"],
  ["ops", "data"],
  ["nn"],
  ["optim"],
  ["distributed"],
  ["train", "graph", "networks", "formats", "diagnostics", "evaluation"],
  ["index"],
  ["study"],
  ["pages"],
  ["node", "mpi", "browser"],
  ["cli"],
];
/** What may name `node:` modules. */
const nodeLayers = new Set(["node", "mpi", "cli"]);

const levels = new Map(layers.flatMap((names, level) => names.map((name) => [name, level])));
const placeOf = (path) => path.split("/")[0].replace(/\.[jt]s$/, "");

const faults = [];
for (const file of readdirSync("src", { recursive: true, encoding: "utf8" }).map((path) =>
  path.replaceAll("\\", "/"),
)) {
  if (!file.endsWith(".ts")) continue;
  const place = placeOf(file);
  const level = levels.get(place);
  if (level === undefined) faults.push(`src/${file}: ${place} stands in no layer`);
  const text = readFileSync(join("src", file), "utf8");
  for (const [, name] of text.matchAll(/(?:from |import |await import\()"([^"]+)"/g)) {
    if (name.startsWith("node:") && !nodeLayers.has(place)) faults.push(`src/${file} imports ${name}`);
    if (!name.startsWith(".")) continue;
    const target = placeOf(posix.join(dirname(file), name));
    if ((levels.get(target) ?? 0) > (level ?? 0))
      faults.push(`src/${file} imports ${name}: ${target} stands above ${place}`);
  }
}
for (const fault of faults) console.error(fault);
if (faults.length > 0) {
  console.error(`Imports point one way: ${layers.map((names) => names.join(", ")).join(" ← ")}.`);
  process.exit(1);
}
