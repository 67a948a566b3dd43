import { dirname, join } from "node:path";
import type { Command } from "commander";
import { batches } from "../../data/batches.js";
import type { Dataset } from "../../data/dataset.js";
import { diagnose } from "../../diagnostics/diagnose/diagnose.js";
import { thresholds } from "../../diagnostics/diagnose/thresholds.js";
import { ArgumentError } from "../../errors.js";
import type { ModelMeta } from "../../formats/model-file/save-model.js";
import type { Module } from "../../nn/module.js";
import type { DataForModel } from "../../node/data/load-data-as.js";
import { writeWhole } from "../../node/files.js";
import { loadRunExport } from "../../node/load-run-export.js";
import { checkOwn } from "../../node/own-files.js";
import { mse } from "../../ops/losses.js";
import { doctorReport } from "../../pages/doctor/doctor-report.js";
import { renderPage } from "../../pages/render-page.js";
import { data, drawSeed, part, samples, skipBadRows } from "../flags/data-flags.js";
import { command, type FlagsOf, flag, withDefault } from "../flags/flag.js";
import { batchSize, model, runArgument } from "../flags/model-flags.js";
import { json, output } from "../flags/output-flags.js";
import { count, oneOf } from "../flags/parsers.js";
import { draw, loadPart } from "../model-data.js";
import { openModel } from "../open-model.js";
import { describeDiagnosis } from "../print/describe-diagnosis.js";
import { passProgress } from "../print/pass-progress.js";
import { remedies } from "../print/remedy.js";
import { printResult } from "../print/result.js";

/** With findings; a healthy model is 0. */
const ill = 3;

/** The batch size of `evenkeel train`, where a file does not tell its own. */
const usualBatchSize = 64;

const flags = [
  data,
  { ...part, initially: "train, where there is one" },
  withDefault(samples, thresholds.defaultSamples),
  drawSeed,
  skipBadRows,
  model,
  flag("--network <name>", {
    group: "Model",
    help: "network of a run exported from the playground: A or B",
    initially: "A",
    parse: oneOf(["A", "B"]),
  }),
  {
    ...batchSize,
    help: "batch size of the training",
    initially: `what the file says, else ${usualBatchSize}`,
    parse: count(2),
  },
  { ...output, term: "-o, --output <file>", help: "page to write", initially: "doctor.html beside the model" },
  flag("--no-page", { group: "Output", help: "write no page" }),
  json,
] as const;

type DoctorFlags = FlagsOf<typeof flags>;

/** `evenkeel doctor` */
export function doctorCommand(): Command {
  return command("doctor", {
    description: "Diagnose the normalisation of a model and write doctor.html. It exits with 3 if it found something.",
    takes: [["<run>", `${runArgument[1]}, or a .json that the playground exported, with its data`]],
    flags,
    examples: ["evenkeel doctor runs/mnist --data mnist", "evenkeel doctor exported.json --network B --json"],
  }).action(async (run: string, given: DoctorFlags, self: Command) => {
    const isExported = run.endsWith(".json");
    const { data, network } = given;
    if (!isExported && data === undefined) self.error("error: required option '--data <source>' not specified");
    if (!isExported && network !== undefined) self.error("error: --network: only of a run exported as .json");
    if (isExported && data !== undefined) self.error("error: --data: a run exported as .json has its own");
    const patient = isExported ? openExported(run, given) : await openPatient(run, { ...given, data: data ?? "" });
    await examine(run, patient, given);
  });
}

/** What is examined, with what. */
interface Patient {
  readonly model: Module;
  /** What pages and JSON call it, and what it is beside. */
  readonly name: string;
  readonly file: string;
  readonly batchSize: number;
  readonly source: string;
  readonly data: Pick<DataForModel, "dataset" | "task" | "part">;
}

async function openPatient(path: string, flags: DoctorFlags & { readonly data: string }): Promise<Patient> {
  const { model, meta, file } = await openModel(path, flags);
  const data = await loadPart(meta, flags);
  return { model, name: file, file, batchSize: trainingBatchSize(meta), source: flags.data, data };
}

/** A network of a run that the playground exported, with its data. @throws ArgumentError if there is no such network or part */
function openExported(path: string, { network = "A", part = "train" }: DoctorFlags): Patient {
  const run = loadRunExport(path);
  const trained = run.networks.find(({ name }) => name === network)?.trained ?? null;
  if (trained === null || (part !== "train" && part !== "test")) {
    throw new ArgumentError({
      where: `doctor ${path}`,
      expected: trained === null ? "a network that could be built" : "the part train or test",
      received: trained === null ? `none for ${network}` : part,
      cure: trained === null ? "Pass the other as --network." : "Pass one of them as --part.",
    });
  }
  const data = { dataset: run[part], task: "classification", part } as const;
  const name = `${path}, network ${network}`;
  return { model: trained.model, name, file: path, batchSize: trainingBatchSize(trained.meta), source: path, data };
}

async function examine(run: string, patient: Patient, given: DoctorFlags): Promise<void> {
  const { model, name, file, source, data } = patient;
  const batchSize = given.batchSize ?? patient.batchSize;
  const drawn = draw(data.dataset as Dataset<unknown>, given) as Dataset<never>;
  const loss = data.task === "regression" ? { loss: mse } : {};
  const progress = passProgress("pass", process.stderr);
  const diagnosis = await diagnose(model, batches(drawn, { batchSize }), {
    ...{ batchSize, samples: given.samples, ...loss },
    onProgress: (done) => progress.show(done, drawn.length),
  }).finally(progress.close);
  const about = { model: name, data: source, part: data.part };
  const page = given.page ? (given.output ?? join(dirname(file), "doctor.html")) : null;
  if (page !== null && given.output === undefined) checkOwn(page, "name another page: --output page.html");
  // What the playground exports brings its own data, and is not recalibrated.
  const commands = file.endsWith(".json") ? new Map() : remedies(diagnosis.findings, run, source);
  if (page !== null) writeWhole(page, await renderPage(doctorReport({ ...about, diagnosis, commands })));
  printResult(given, { ...about, page, ...diagnosis }, () => [
    describeDiagnosis(diagnosis, data.part, commands),
    ...(page === null ? [] : ["", `wrote ${page}`]),
  ]);
  if (diagnosis.findings.length > 0) process.exitCode = ill;
}

function trainingBatchSize({ training }: ModelMeta): number {
  const given = training?.["batchSize"];
  return typeof given === "number" && Number.isInteger(given) && given >= 2 ? given : usualBatchSize;
}
