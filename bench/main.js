// npm run bench: every case, each peer in turn, as a table of times and ratios. See README.md.
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CASES } from "./cases.js";
import { inferenceTables, runInference, writeInference } from "./inference.js";
import { INFERENCE_CASES, INFERENCE_PEERS } from "./inference-cases.js";
import { PEERS } from "./peers/index.js";
import { describeMachine, limitOf, plainLine, summarise, terminalTable, writeResults } from "./report.js";
import { disagreements, Peer, runCase } from "./runner.js";
import { drawSizes } from "./sizes.js";

const HELP = `npm run bench -- [options]
  --cases a,b     only cases whose id contains one of these
  --peers a,b     only these: ${Object.keys(PEERS).join(", ")}
  --rounds 3      how often each peer takes its turn
  --budget 500    milliseconds of repetitions per peer, case and round
  --limit 45      seconds that one answer may take
  --threads 1     for those that can use more
  --quick         one round, budget 150, limit 10
  --json FILE     write the results there
  --write         write them into bench/results.json, the table into bench/README.md and, of one thread, bench/sizes.svg and
                  bench/inference.json (of a whole run, or of --cases inference)
  --list          the ids of the cases
`;

const say = (text) => process.stdout.write(`${text}\n`);

/** A mistake in the command line: one line, exit 2. */
class UsageError extends Error {}

async function main() {
  const options = readOptions();
  if (options.help) return say(HELP);
  const all = [...CASES, ...INFERENCE_CASES];
  if (options.list) return say(all.map(({ id }) => id).join("\n"));
  const cases = chosen("--cases", options.cases, all, (work, part) => work.id.includes(part));
  const ids = chosen("--peers", options.peers, Object.keys(PEERS), (id, part) => id === part);
  const settings = settingsOf(options);
  installPeers();
  const isInference = ({ kind }) => kind === "inference";
  const operations = cases.filter((work) => !isInference(work));
  const networks = cases.filter(isInference);
  if (operations.length > 0) {
    const run = await measureOperations(operations, ids.filter(measuresOperations), settings);
    if (options.json) writeFileSync(options.json, `${JSON.stringify(run, null, 2)}\n`);
    if (options.write) {
      writeResults(run);
      if (settings.threads === 1) await drawSizes();
    }
  }
  if (networks.length > 0) {
    const run = await measureInference(
      networks,
      ids.filter((id) => INFERENCE_PEERS.includes(id)),
      settings,
    );
    if (options.json && operations.length === 0) writeFileSync(options.json, `${JSON.stringify(run, null, 2)}\n`);
    if (options.write && settings.threads === 1) writeInference(run);
  }
}

/** Peers that run whole networks alone are no column of single operations. */
const measuresOperations = (id) => id !== "onnxruntime" && id !== "evenkeel-folded";

/** Starts peers, and says what they are. */
async function startPeers(ids, { threads }) {
  const peers = ids.map((id) => new Peer(id, threads));
  process.on("exit", () => peers.forEach((peer) => void peer.stop()));
  for (const peer of peers) {
    await peer.start();
    const { title, version, missing, kernels, note } = peer.about;
    const remarks = [kernels, note].filter((text) => text !== undefined);
    say(`${title}: ${missing ?? version}${remarks.length === 0 ? "" : ` (${remarks.join("; ")})`}`);
  }
  return peers;
}

/** What a run says of itself. */
const describe = (peers, settings) => ({
  date: new Date().toISOString(),
  command: ["npm run bench", process.argv.slice(2).join(" ")].filter(Boolean).join(" -- "),
  machine: describeMachine(),
  settings,
  peers: Object.fromEntries(peers.map((peer) => [peer.id, peer.about])),
});

/** Ends with peers, and with an exit code for results that differ. */
function finish(run, peers) {
  for (const text of run.disagreements) say(text);
  if (run.disagreements.length > 0) process.exitCode = 1;
  for (const peer of peers) peer.stop();
  return run;
}

async function measureOperations(cases, ids, settings) {
  const { default: Table } = await import("cli-table3");
  const peers = await startPeers(ids, settings);
  const run = { ...describe(peers, settings), cases: [], disagreements: [] };
  for (const work of cases) {
    const results = await runCase(work, peers, settings, (round, peer) => progress(work, round, settings.rounds, peer));
    progress();
    run.disagreements.push(...disagreements(work, results));
    const row = { id: work.id, title: work.title, limitMs: undefined, results: {} };
    for (const peer of peers) {
      const result = results[peer.id];
      row.results[peer.id] = "rounds" in result ? summarise(result.rounds) : result;
    }
    row.limitMs = limitOf(work, [...run.cases, row], settings.threads);
    run.cases.push(row);
    say(plainLine(row, ids));
  }
  say(`\n${terminalTable(run, Table)}`);
  say("Milliseconds: fastest repetition (median); ratio: fastest of the peer / ours; limit: ours / the limit.");
  return finish(run, peers);
}

async function measureInference(cases, ids, settings) {
  const peers = await startPeers(ids, settings);
  const about = describe(peers, settings);
  const onProgress = (work, round, peer) => progress(work, round, settings.rounds, peer);
  const run = await runInference(cases, peers, settings, about, say, onProgress);
  progress();
  say(`\n${inferenceTables(run)}`);
  return finish(run, peers);
}

function readOptions() {
  const text = { type: "string" };
  const flag = { type: "boolean", default: false };
  const { values } = parseArgs({
    options: {
      ...{ cases: text, peers: text, rounds: text, budget: text, limit: text, threads: text, json: text },
      ...{ quick: flag, write: flag, list: flag, help: flag },
    },
  });
  const isWhole = values.cases === undefined || values.cases === "inference";
  if (values.write && (!isWhole || values.peers || values.quick)) {
    throw new UsageError(
      "--write: expected a whole run or --cases inference, got one with other --cases, --peers or --quick. Use --json FILE.",
    );
  }
  return values;
}

/** @returns {import("./runner.js").Settings} */
function settingsOf({ quick, rounds, budget, limit, threads }) {
  const number = (name, value, normal) => {
    const result = Number(value ?? normal);
    if (!(result > 0)) throw new UsageError(`--${name}: expected a number above 0, got ${value}.`);
    return result;
  };
  return {
    rounds: Math.ceil(number("rounds", rounds, quick ? 1 : 3)),
    budgetMs: number("budget", budget, quick ? 150 : 500),
    limitMs: 1000 * number("limit", limit, quick ? 10 : 45),
    threads: Math.ceil(number("threads", threads, 1)),
  };
}

/** The entries that match any part of a list with commas; all if there is no list. */
function chosen(option, list, entries, matches) {
  if (list === undefined) return [...entries];
  const parts = list.split(",");
  const unknown = parts.find((part) => !entries.some((entry) => matches(entry, part)));
  if (unknown !== undefined) throw new UsageError(`${option}: expected names from --list or --help, got ${unknown}.`);
  return entries.filter((entry) => parts.some((part) => matches(entry, part)));
}

/** The peers from npm are a package of their own, so that users of Evenkeel never install them. */
function installPeers() {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  // npm writes this file last.
  if (existsSync(`${folder}node_modules/.package-lock.json`)) return;
  say("Installing the peers (TF.js, jax-js, onnxruntime-web) into bench/node_modules, about 300 MB, once …");
  const { status } = spawnSync("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund"], { stdio: "inherit" });
  if (status !== 0) throw new UsageError("npm install --prefix bench failed; see above.");
}

/** Who is working, on one line that is overwritten; nothing without a terminal. */
function progress(work, round, rounds, peer) {
  if (!process.stderr.isTTY) return;
  const text = work === undefined ? "" : `${work.title}, round ${round} of ${rounds}: ${peer.about.title}`;
  process.stderr.write(`\r\x1b[2K${text}`);
}

try {
  await main();
} catch (error) {
  const known = error instanceof UsageError || error?.code?.startsWith("ERR_PARSE_ARGS");
  process.stderr.write(`${known ? error.message : error.stack}\n`);
  process.exit(known ? 2 : 1);
}
