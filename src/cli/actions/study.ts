import { cpus } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { DataError } from "../../errors.js";
import { nearest } from "../../nearest.js";
import { loadData } from "../../node/data/load-data.js";
import { renderPage } from "../../pages/render-page.js";
import { describeAnswer } from "../../pages/study/describe-answer.js";
import { studyPage } from "../../pages/study/study-page.js";
import type { StudyData } from "../../study/experiment.js";
import { chooseExperiments, experiments } from "../../study/experiments/index.js";
import { type Finding, runStudy } from "../../study/run-study.js";
import { version } from "../../version.js";
import type { StudyFlags } from "../commands/study.js";
import { Interrupted, watchInterruption } from "../interruption.js";
import { studyProgress } from "../print/study-progress.js";
import { StudyFolder } from "../runs/study-folder.js";
import { turn } from "../unhurried.js";

/** Raised whenever a trial would measure something else than before: kept trials of another protocol are refused. */
const protocol = 2;
const classes = 10;

/** What `evenkeel study` does. */
export async function study(names: readonly string[], given: StudyFlags, self: Command): Promise<void> {
  const chosen = choose(names, given, self);
  const interruption = watchInterruption();
  const loaded = await loadData(given.data);
  const data = checkData(given.data, loaded);
  const facts = { data: given.data, train: data.train.length, test: data.test.length, protocol };
  const folder = new StudyFolder(given.out ?? join("studies", given.data.replaceAll(/[^\w-]+/g, "-")), facts);
  const close = (): void => folder.close();
  process.once("exit", close);
  const out = given.json === true ? process.stderr : process.stdout;
  const say = (line: string): void => {
    out.write(`${line}\n`);
  };
  say(`${loaded.description}; ${chosen.map(({ name }) => name).join(", ")}`);
  if (folder.kept > 0) say(`resuming after ${folder.kept} trials`);
  const progress = studyProgress(out);
  try {
    interruption.defer();
    const findings = await runStudy({
      experiments: chosen,
      data,
      budget: given.budget,
      seeds: given.seeds,
      ...(given.minutes !== undefined && { seconds: 60 * given.minutes }),
      store: folder,
      signal: interruption.signal,
      pause: turn,
      onProgress: progress.show,
    });
    progress.close();
    const record = `${JSON.stringify({ version, data: given.data, budget: given.budget, experiments: findings.map(recordOf) }, null, 2)}\n`;
    const page = studyPage({
      data: `${given.data}: ${loaded.description}`,
      budget: given.budget,
      findings,
      origin: `evenkeel study, version ${version}; begun ${folder.begun.slice(0, 10)}; ${machine()}.`,
    });
    const files = [folder.write("study.json", record), folder.write("study.html", await renderPage(page))];
    for (const { experiment, results, answers } of findings) {
      say(
        `\n${experiment.name}: ${experiment.title.toLowerCase()}, ${results.seeds.length} ${results.seeds.length === 1 ? "seed" : "seeds"}`,
      );
      for (const answer of answers) say(`  ${answer.verdict}: ${answer.question.claim} ${describeAnswer(answer)}`);
    }
    say(`\nwrote ${files.join(" and ")}`);
    if (given.json === true) process.stdout.write(record);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    process.stderr.write("evenkeel: interrupted; every trial so far is kept. Run the same command to continue.\n");
    process.exitCode = error.code;
  } finally {
    progress.close();
    interruption.release();
    process.removeListener("exit", close);
    folder.close();
  }
}

/** The experiments asked for; a name that is unknown is misuse. */
function choose(names: readonly string[], { budget, minutes }: StudyFlags, self: Command) {
  if (minutes !== undefined && !(minutes > 0))
    self.error(`error: --minutes: expected a number above 0, got ${minutes}`);
  const known = experiments.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    const near = unknown.flatMap((name) => nearest(name, known) ?? []);
    const cure =
      near.length > 0 ? `Did you mean ${near.join(", ")}?` : "Leave the names out for all experiments of the budget.";
    self.error(`error: name: expected some of ${known.join(", ")}, got ${unknown.join(", ")}. ${cure}`);
  }
  return chooseExperiments(names, budget);
}

/** @throws DataError if the data are not images of ten classes, for which the experiments and their rules are made */
function checkData(source: string, loaded: Awaited<ReturnType<typeof loadData>>): StudyData {
  if (loaded.task === "classification" && loaded.classes.length === classes && loaded.inputShape.length === 3) {
    const { train, test, inputShape } = loaded;
    return { train, test, inputShape, classes };
  }
  throw new DataError({
    where: `evenkeel study --data ${source}`,
    expected: `images of ${classes} classes`,
    received: loaded.description,
    cure: "Use fashion-mnist or mnist.",
  });
}

/** What study.json holds of an experiment: nothing that depends on time or machine. */
function recordOf({ experiment, results, answers }: Finding) {
  return {
    name: experiment.name,
    title: experiment.title,
    sources: experiment.sources.map(({ link }) => link),
    seeds: results.seeds,
    answers: answers.map(({ question: { claim, unit, rule }, verdict, mean, interval, effects }) => ({
      claim,
      unit,
      rule,
      verdict,
      mean,
      interval,
      effects,
    })),
    comparisons: experiment.comparisons(results),
    trials: Object.fromEntries(results.conditions.map((condition) => [condition, results.measures(condition)])),
  };
}

function machine(): string {
  const processors = cpus();
  return `Node ${process.versions.node} on ${processors.length} × ${processors[0]?.model.trim() ?? "unknown processor"}`;
}
