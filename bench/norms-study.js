// The table of docs/study.md on all norms, from a study: test errors with their verdicts, and what a trial cost beside
// batch norm.
//
//     npx evenkeel study norms --minutes 25 --out studies/norms
//     node bench/norms-study.js studies/norms            # prints it
//     node bench/norms-study.js studies/norms --write    # and puts it into docs/study.md
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [folder] = process.argv.slice(2).filter((word) => !word.startsWith("--"));
if (folder === undefined) throw new Error("norms-study: expected the folder of a study, got none. Pass its --out.");
const { version, data, experiments } = JSON.parse(readFileSync(join(folder, "study.json"), "utf8"));
const study = experiments.find(({ name }) => name === "norms");
const trials = readFileSync(join(folder, "study.jsonl"), "utf8").trim().split("\n").slice(1).map(JSON.parse);
const seconds = new Map(trials.map((trial) => [trial.key, trial.seconds]));

const sizes = [2, 8, 64];
const norms = [...new Set(Object.keys(study.trials).map((condition) => condition.split(", batch ")[0]))];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

/** Bold where the claim was reproduced, in italics where it was not. */
const styles = { reproduced: "**", "not reproduced": "*", unclear: "" };
function errorOf(norm, size) {
  const found = study.trials[`${norm}, batch ${size}`];
  if (found === undefined) return "as batch";
  const named = norm === "none" ? "without a norm" : `with ${norm}`;
  const start = `At batches of ${size}, the test error ${named} is`;
  const style = styles[study.answers.find(({ claim }) => claim.startsWith(start))?.verdict ?? "unclear"];
  return `${style}${mean(found.map(({ test }) => test)).toFixed(1)}${style}`;
}

/** The median over seeds of seconds beside batch norm's. */
function costOf(norm, size) {
  const of = (name, seed) => seconds.get(`norms: ${name}, batch ${size}, seed ${seed}`);
  const ratios = study.seeds.map((seed) => of(norm, seed) / of("batch", seed));
  return Number.isFinite(ratios[0]) ? median(ratios).toFixed(1) : "–";
}

const text = [
  `Version ${version}, ${data}, ${study.seeds.length} seeds. Test error in %, and the seconds of a trial as a multiple of batch norm's (median over seeds):`,
  "",
  `| norm | ${[...sizes.map((size) => `error at ${size}`), ...sizes.map((size) => `cost at ${size}`)].join(" | ")} |`,
  `| --- | ${Array(2 * sizes.length)
    .fill("---:")
    .join(" | ")} |`,
  ...norms.map((norm) => {
    const cells = [...sizes.map((size) => errorOf(norm, size)), ...sizes.map((size) => costOf(norm, size))];
    return `| ${norm} | ${cells.join(" | ")} |`;
  }),
  "",
  "At 2 and 8 **bold** is a norm whose error is lower than batch norm's by 2 points or more, *italics* one whose error is not. At 64 **bold** is one " +
    "whose error is batch norm's within ±2 points, *italics* one whose error is not. The others are unclear.",
].join("\n");
console.log(text);

if (process.argv.includes("--write")) {
  const place = new URL("../docs/study.md", import.meta.url);
  const markers = ["<!-- norms: written by `node bench/norms-study.js FOLDER --write` -->", "<!-- end of norms -->"];
  const page = readFileSync(place, "utf8");
  const [start, end] = markers.map((marker) => page.indexOf(marker));
  if (start < 0 || end < 0)
    throw new Error(`docs/study.md: expected ${markers.join(" and ")}. Put them where the table goes.`);
  writeFileSync(place, `${page.slice(0, start)}${markers[0]}\n\n${text}\n\n${page.slice(end)}`);
}
