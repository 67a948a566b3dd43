import { cpus } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { ArgumentError, DataError } from "../../errors.js";
import { loadData } from "../../node/data/load-data.js";
import { renderPage } from "../../pages/render-page.js";
import { describeAnswer } from "../../pages/study/describe-answer.js";
import { studyPage } from "../../pages/study/study-page.js";
import type { Budget, StudyData } from "../../study/experiment.js";
import { chooseExperiments, experiments } from "../../study/experiments/index.js";
import { type Finding, runStudy } from "../../study/run-study.js";
import { version } from "../../version.js";
import { count, number, oneOf } from "../flags/options.js";
import { Interrupted, watchInterruption } from "../interruption.js";
import { studyProgress } from "../print/study-progress.js";
import { StudyFolder } from "../runs/study-folder.js";

interface StudyFlags {
  readonly data: string;
  readonly seeds?: number;
  readonly budget: Budget;
  readonly minutes?: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** Raised whenever a trial would measure something else than before: kept trials of another protocol are refused. */
const protocol = 2;
const classes = 10;

/** `evenkeel study` */
export function studyCommand(): Command {
  return new Command("study")
    .description("Measure claims of papers on normalisation over paired seeds, and write study.html and study.json.")
    .argument(
      "[name...]",
      `experiments: ${experiments.map(({ name }) => name).join(", ")}; all of the budget if none is named`,
    )
    .option("--data <source>", "fashion-mnist, mnist, or a folder of MNIST's IDX files", "fashion-mnist")
    .option(
      "--seeds <k>",
      "seeds of each experiment (default: as many pairs as its share of the time allows)",
      count("--seeds"),
    )
    .option(
      "--budget <budget>",
      "quick (alive, batch, gap, linear; 15 minutes) or full (all; 3 hours)",
      oneOf("--budget", ["quick", "full"] as const),
      "quick",
    )
    .option("--minutes <n>", "another time than the budget's", number("--minutes", 0))
    .option("--out <folder>", "where to write; a study that is there goes on (default: studies/ and the data)")
    .option("--json", "print what is written to study.json")
    .action((names: string[], flags: StudyFlags, command: Command) => study(names, flags, command));
}

async function study(names: readonly string[], flags: StudyFlags, command: Command): Promise<void> {
  const chosen = choose(names, flags, command);
  const interruption = watchInterruption();
  const loaded = await loadData(flags.data);
  const data = checkData(flags.data, loaded);
  const facts = { data: flags.data, train: data.train.length, test: data.test.length, protocol };
  const folder = new StudyFolder(flags.out ?? join("studies", flags.data.replaceAll(/[^\w-]+/g, "-")), facts);
  const close = (): void => folder.close();
  process.once("exit", close);
  const out = flags.json === true ? process.stderr : process.stdout;
  const say = (line: string): void => {
    out.write(`${line}\n`);
  };
  say(`${loaded.description}; ${chosen.map(({ name }) => name).join(", ")}`);
  if (folder.kept > 0) say(`going on after ${folder.kept} trials`);
  const progress = studyProgress(out);
  try {
    interruption.defer();
    const findings = await runStudy({
      experiments: chosen,
      data,
      budget: flags.budget,
      seeds: flags.seeds,
      ...(flags.minutes !== undefined && { seconds: 60 * flags.minutes }),
      store: folder,
      signal: interruption.signal,
      pause: () => new Promise((resolve) => setImmediate(resolve)),
      onProgress: progress.show,
    });
    progress.close();
    const record = `${JSON.stringify({ version, data: flags.data, budget: flags.budget, experiments: findings.map(recordOf) }, null, 2)}\n`;
    const page = studyPage({
      data: `${flags.data}: ${loaded.description}`,
      budget: flags.budget,
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
    if (flags.json === true) process.stdout.write(record);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    process.stderr.write("evenkeel: interrupted; every trial so far is kept. Go on with the same command.\n");
    process.exitCode = error.code;
  } finally {
    progress.close();
    interruption.release();
    process.removeListener("exit", close);
    folder.close();
  }
}

/** The experiments asked for; a name that is unknown is misuse. */
function choose(names: readonly string[], { budget, minutes }: StudyFlags, command: Command) {
  if (minutes !== undefined && !(minutes > 0))
    command.error(`error: --minutes: expected a number above 0, got ${minutes}`);
  try {
    return chooseExperiments(names, budget);
  } catch (error) {
    if (error instanceof ArgumentError) return command.error(`error: ${error.message}`);
    throw error;
  }
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
