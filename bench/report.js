import { existsSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import { CASES } from "./cases.js";
import { readProcessor } from "./processor.js";

/**
 * @typedef {{ ms: number, median: number, p95: number, p99: number, rounds: Round[] }} Time
 * @typedef {{ ms: number, min: number, repetitions: number }} Round
 * @typedef {{ id: string, title: string, limitMs?: number, results: Record<string, Time | { unsupported: string }> }}
 * Row
 * @typedef {object} Run
 * @property {string} date
 * @property {string} command
 * @property {object} machine
 * @property {import("./runner.js").Settings} settings
 * @property {Record<string, import("./runner.js").About>} peers
 * @property {Row[]} cases
 * @property {string[]} disagreements
 */

const OURS = "evenkeel";
const LIMIT_CASE = CASES.find(({ kind }) => kind === "multiplyAdds");
const RESULTS = new URL("results.json", import.meta.url);
const README = new URL("README.md", import.meta.url);
const MARKERS = ["<!-- results: written by `npm run bench -- --write` -->", "<!-- end of results -->"];

/** @returns what the times depend on */
export function describeMachine() {
  const cpus = os.cpus();
  return {
    cpu: `${cpus[0]?.model ?? "unknown"}${vectorsOf()}`,
    cores: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
  };
}

/** The family and the widest vectors of the processor where they are known. */
function vectorsOf() {
  const processor = readProcessor();
  if (processor === null) return "";
  const { family, model, vectors } = processor;
  return ` (family ${family}, model ${model}, ${vectors ?? "no wide vectors"})`;
}

/**
 * The fastest repetition of all rounds, since other work on the machine only ever adds time, and what stands in the
 * middle over the rounds. @type {(rounds: import("./runner.js").Measured[]) => Time}
 */
export function summarise(rounds) {
  return {
    ms: Math.min(...rounds.map(({ min }) => min)),
    median: medianOf(rounds.map(({ ms }) => ms)),
    p95: medianOf(rounds.map((round) => round.p95 ?? round.ms)),
    p99: medianOf(rounds.map((round) => round.p99 ?? round.ms)),
    rounds: rounds.map(({ ms, min, repetitions }) => ({ ms, min, repetitions })),
  };
}

/** @type {(values: number[]) => number} */
function medianOf(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

/**
 * The time that no implementation can beat here, of what this run has measured so far: the fastest plain copies of any
 * peer, or multiply-adds at the rate of registers alone, on every thread.
 * @param {import("./cases.js").Case} work
 * @param {Row[]} rows those before it
 * @param {number} threads
 */
export function limitOf({ kind, copies, multiplyAdds }, rows, threads) {
  const fastest = (id) => {
    const times = Object.values(rows.find((row) => row.id === id)?.results ?? {}).flatMap((result) => result.ms ?? []);
    return times.length === 0 ? undefined : Math.min(...times);
  };
  if (kind === "multiplyAdds") return undefined;
  if (copies !== undefined) {
    const copy = fastest(copies.of);
    return copy && copies.count * copy;
  }
  const all = fastest(LIMIT_CASE.id);
  return multiplyAdds && all && (multiplyAdds / LIMIT_CASE.multiplyAdds / threads) * all;
}

/** Three digits, and seconds where they are many. @type {(ms: number) => string} */
export function format(ms) {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3);
}

/** @type {(ratio: number) => string} */
export const formatRatio = (ratio) => `${ratio >= 100 ? ratio.toFixed(0) : ratio.toPrecision(ratio < 1 ? 2 : 3)}×`;

/** The parts of the cell of the limit: its time, and how many times as long ours is. @param {Row} row */
function limitCell({ limitMs, results }) {
  if (limitMs === undefined) return [];
  const ours = results[OURS];
  return ours !== undefined && "ms" in ours ? [format(limitMs), formatRatio(ours.ms / limitMs)] : [format(limitMs)];
}

/**
 * The parts of a cell: fastest, median, ratio to ours; or the reason why there is none.
 * @param {Row} row
 * @param {string} peer
 */
export function cell(row, peer) {
  const result = row.results[peer];
  if (result === undefined) return [];
  if ("unsupported" in result) return [result.unsupported];
  const parts = [format(result.ms)];
  if (result.rounds.length > 1) parts.push(`(${format(result.median)})`);
  const ours = row.results[OURS];
  if (peer !== OURS && ours !== undefined && "ms" in ours) parts.push(formatRatio(result.ms / ours.ms));
  return parts;
}

/** @type {(row: Row, peers: string[]) => string} one plain line per case, as soon as it is known */
export const plainLine = (row, peers) =>
  `${row.title}: ${[...peers.map((peer) => `${peer} ${cell(row, peer).join(" ") || "–"}`), `limit ${limitCell(row).join(" ") || "–"}`].join(" | ")}`;

/** @type {(run: Run) => string[]} a heading for each peer */
export const headings = ({ peers }) =>
  Object.values(peers).map(({ title, version, kernels, threads }) =>
    [title, version, kernels, threads && `${threads} ${threads === 1 ? "thread" : "threads"}`]
      .filter(Boolean)
      .join("\n"),
  );

/** @param {Run} run @param {typeof import("cli-table3")} Table */
export function terminalTable(run, Table) {
  const ids = Object.keys(run.peers);
  const table = new Table({ head: ["ms", ...headings(run), "limit"], style: { head: [], border: [] } });
  for (const row of run.cases)
    table.push([
      wrap(row.title, 28),
      ...ids.map((id) => wrap(cell(row, id).join("\n"), 20)),
      limitCell(row).join("\n"),
    ]);
  return table.toString();
}

/** @type {(text: string, width: number) => string} */
function wrap(text, width) {
  const lines = [""];
  for (const word of text.split(/(?<=[ \n])/)) {
    if ((lines.at(-1) + word).trimEnd().length > width) lines.push("");
    lines[lines.length - 1] += word;
  }
  return lines.map((line) => line.trimEnd()).join("\n");
}

/** @type {(cells: string[]) => string} */
export const markdownLine = (cells) => `| ${cells.join(" | ")} |`;

/** Threads, machine, date and command. @type {(run: Run) => string} */
export const describeRun = ({ machine, settings, command, date }) =>
  `**${settings.threads} ${settings.threads === 1 ? "thread" : "threads"}** · ${machine.cpu}, ${machine.cores} cores, ` +
  `Node ${machine.node.slice(1)} · ${date.slice(0, 10)} ·\n\`${command}\``;

/** @type {(run: Run) => string} */
export function markdownTable(run) {
  const ids = Object.keys(run.peers);
  const line = markdownLine;
  return [
    describeRun(run),
    "",
    line(["ms", ...headings(run).map((heading) => heading.replaceAll("\n", "<br>")), "limit"]),
    line(["---", ...ids.map(() => "---"), "---"]),
    ...run.cases.map((row) =>
      line([
        row.title,
        ...[...ids.map((id) => cell(row, id)), limitCell(row)].map(([time, ...rest]) => {
          const ratio = rest.at(-1)?.endsWith("×") ? `**${rest.pop()}**` : undefined;
          return [time ?? "–", ...rest, ratio].filter(Boolean).join(" ");
        }),
      ]),
    ),
    ...run.disagreements.map((text) => `\n${text}`),
  ].join("\n");
}

/** Puts a run into `results.json` beside those with other numbers of threads, and their tables into `README.md`. */
export function writeResults(run) {
  const others = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, "utf8")).runs : [];
  const runs = [...others.filter((other) => other.settings.threads !== run.settings.threads), run];
  runs.sort((a, b) => a.settings.threads - b.settings.threads);
  writeFileSync(RESULTS, `${JSON.stringify({ runs }, null, 2)}\n`);
  putIntoReadme(MARKERS, runs.map(markdownTable).join("\n\n"));
}

/** Replaces what stands between two markers of bench/README.md. @param {string[]} markers @param {string} text */
export function putIntoReadme(markers, text) {
  const readme = readFileSync(README, "utf8");
  const [start, end] = markers.map((marker) => readme.indexOf(marker));
  if (start < 0 || end < start)
    throw new Error(`bench/README.md: expected the line ${markers[0]} and later ${markers[1]}`);
  writeFileSync(README, `${readme.slice(0, start)}${markers[0]}\n\n${text}\n\n${readme.slice(end)}`);
}
