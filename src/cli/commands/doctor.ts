import { dirname, join } from "node:path";
import type { Command } from "commander";
import { batches } from "../../data/batches.js";
import type { Dataset } from "../../data/dataset.js";
import { diagnose } from "../../diagnostics/diagnose/diagnose.js";
import { thresholds } from "../../diagnostics/diagnose/thresholds.js";
import { ArgumentError } from "../../errors.js";
import type { ModelMeta } from "../../formats/model-file/save-model.js";
import type { Module } from "../../nn/module.js";
import type { DataForModel, DataPart } from "../../node/data/load-data-as.js";
import { writeWhole } from "../../node/files.js";
import { loadRunExport } from "../../node/load-run-export.js";
import { checkOwn } from "../../node/own-files.js";
import { mse } from "../../ops/losses.js";
import { doctorReport } from "../../pages/doctor/doctor-report.js";
import { renderPage } from "../../pages/render-page.js";
import { onWarning } from "../../warnings.js";
import { dataHelp } from "../flags/data-options.js";
import { bareModelCommand, openModel, runHelp } from "../flags/model-options.js";
import { count, oneOf } from "../flags/options.js";
import { draw, loadPart, type ModelDataFlags } from "../model-data.js";
import { describeDiagnosis } from "../print/describe-diagnosis.js";
import { passProgress } from "../print/pass-progress.js";

interface DoctorFlags extends Omit<ModelDataFlags, "data"> {
  readonly data?: string;
  readonly model?: string;
  readonly network?: "A" | "B";
  readonly batchSize?: number;
  readonly output?: string;
  readonly page: boolean;
  readonly json?: boolean;
}

const parts: readonly DataPart[] = ["test", "validation", "train", "all"];

/** With findings; a healthy model is 0. */
const ill = 3;

/** The batch size of `evenkeel train`, where a file does not tell its own. */
const usualBatchSize = 64;

/** `evenkeel doctor` */
export function doctorCommand(): Command {
  return bareModelCommand(
    "doctor",
    "Is normalisation healthy in this model? Writes doctor.html; exit code 0: nothing found, 3: something was.",
    `${runHelp}, or a run exported from the playground as .json`,
  )
    .option("--data <source>", `${dataHelp}; needed unless the run was exported with its own`)
    .option("--network <name>", "of a run exported from the playground: A, B", oneOf("--network", ["A", "B"] as const))
    .option("--batch-size <n>", "that of training (default: what the file says, else 64)", count("--batch-size", 2))
    .option("--samples <n>", "how many samples, at most", count("--samples"), thresholds.defaultSamples)
    .option(
      "--part <part>",
      "train, validation, test or all (default: train, where the data have it or the model was trained on them)",
      oneOf("--part", parts),
    )
    .option("--seed <n>", "what the samples are drawn by, if there are more", count("--seed", 0), 0)
    .option("--skip-bad-rows", "leave out what cannot be used, instead of refusing it")
    .option("-o, --output <file>", "the page (default: doctor.html beside the model)")
    .option("--no-page", "write no page")
    .action(async (run: string, flags: DoctorFlags, command: Command) => {
      const isExported = run.endsWith(".json");
      const { data, network } = flags;
      if (!isExported && data === undefined) command.error("error: required option '--data <source>' not specified");
      if (!isExported && network !== undefined) command.error("error: --network: only of a run exported as .json");
      if (isExported && data !== undefined) command.error("error: --data: a run exported as .json has its own");
      await examine(
        isExported ? openExported(run, flags) : await openPatient(run, { ...flags, data: data ?? "" }),
        flags,
      );
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

/** A network of a run that the playground exported, with what it learned from. @throws ArgumentError if there is no such network or part */
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

async function examine(patient: Patient, flags: DoctorFlags): Promise<void> {
  onWarning((message) => process.stderr.write(`evenkeel: warning: ${message}\n`));
  const { model, name, file, source, data } = patient;
  const batchSize = flags.batchSize ?? patient.batchSize;
  const drawn = draw(data.dataset as Dataset<unknown>, flags) as Dataset<never>;
  const loss = data.task === "regression" ? { loss: mse } : {};
  const progress = passProgress("pass", process.stderr);
  const diagnosis = await diagnose(model, batches(drawn, { batchSize }), {
    ...{ batchSize, samples: flags.samples, ...loss },
    onProgress: (done) => progress.show(done, drawn.length),
  }).finally(progress.close);
  const about = { model: name, data: source, part: data.part };
  const page = flags.page ? (flags.output ?? join(dirname(file), "doctor.html")) : null;
  if (page !== null && flags.output === undefined) checkOwn(page, "name another page: --output page.html");
  if (page !== null) writeWhole(page, await renderPage(doctorReport({ ...about, diagnosis })));
  const text =
    flags.json === true
      ? JSON.stringify({ ...about, page, ...diagnosis }, null, 2)
      : [describeDiagnosis(diagnosis, data.part), ...(page === null ? [] : [`wrote ${page}`])].join("\n\n");
  process.stdout.write(`${text}\n`);
  if (diagnosis.findings.length > 0) process.exitCode = ill;
}

function trainingBatchSize({ training }: ModelMeta): number {
  const given = training?.["batchSize"];
  return typeof given === "number" && Number.isInteger(given) && given >= 2 ? given : usualBatchSize;
}
