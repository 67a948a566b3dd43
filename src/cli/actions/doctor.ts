import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import { tensor } from "../../create.js";
import { batches } from "../../data/batches.js";
import type { Dataset } from "../../data/dataset.js";
import { diagnose } from "../../diagnostics/diagnose/diagnose.js";
import type { Diagnosis } from "../../diagnostics/diagnose/diagnosis.js";
import type { DiagnoseProgress } from "../../diagnostics/diagnose/passes.js";
import { ArgumentError } from "../../errors.js";
import type { ModelMeta } from "../../formats/model-file/save-model.js";
import { importOnnx } from "../../formats/onnx/import/import-onnx.js";
import { inspectOnnx } from "../../formats/onnx/inspect/inspect-onnx.js";
import type { Module } from "../../nn/module.js";
import { checkOutput } from "../../node/check-output.js";
import type { DataForModel, DataPart } from "../../node/data/load-data-as.js";
import { behindLink, writeWhole } from "../../node/files.js";
import { loadRunExport } from "../../node/load-run-export.js";
import { readWholeOnnxFile } from "../../node/onnx-file.js";
import { checkOwn } from "../../node/own-files.js";
import { mse } from "../../ops/losses.js";
import { type Compared, type Comparison, comparisonPage, differencesOf } from "../../pages/doctor/comparison.js";
import { doctorReport } from "../../pages/doctor/doctor-report.js";
import { renderPage } from "../../pages/render-page.js";
import type { Tensor } from "../../tensor.js";
import { onnxData } from "../actions/onnx/data.js";
import type { DoctorFlags } from "../commands/doctor.js";
import { checkForeignFlags, checkOnnxFlags, refuseForeignDataFlags } from "../flags/foreign-flags.js";
import { defaultBatchSize } from "../flags/train-flags.js";
import { drawInOrder, loadPart } from "../model-data.js";
import { isOnnx } from "../model-kind.js";
import { openModel } from "../open-model.js";
import { describeComparison } from "../print/describe-comparison.js";
import { describeDiagnosis } from "../print/describe-diagnosis.js";
import { passProgress } from "../print/pass-progress.js";
import { remedies } from "../print/remedy.js";
import { printResult } from "../print/result.js";

/** With findings; a healthy model is 0. */
const ill = 3;

/** Below this many samples batch statistics are noise, of which norms warn. */
const smallBatch = 8;

/** What `evenkeel doctor` does. */
export async function doctor(run: string, other: string | undefined, given: DoctorFlags, self: Command): Promise<void> {
  const first = await open(run, given, self);
  if (other === undefined) await examine(run, first, given);
  else await compare([first, await open(other, given, self)], given);
}

/** Opens what is named, with its data. */
async function open(run: string, given: DoctorFlags, self: Command): Promise<Patient> {
  const isExported = run.endsWith(".json");
  const { data, network } = given;
  if (!isExported && data === undefined) self.error("error: required option '--data <source>' not specified");
  if (!isExported && network !== undefined) self.error("error: --network: only of a run exported as .json");
  if (isExported && data !== undefined) self.error("error: --data: a run exported as .json has its own");
  if (isOnnx(run)) return openOnnx(run, { ...checkForeignFlags(run, given), data: data ?? "" });
  refuseForeignDataFlags(run, given, "an .onnx model");
  checkOnnxFlags(run, given);
  return isExported ? openExported(run, given) : openPatient(run, { ...given, data: data ?? "" });
}

/** What is examined, with what. */
interface Patient {
  readonly model: Module;
  /** What pages and JSON call it, and what it is beside. */
  readonly name: string;
  readonly file: string;
  readonly batchSize: number;
  readonly source: string;
  readonly data: Pick<DataForModel, "dataset" | "task" | "part"> | UnlabelledData;
  /** What its file says of its training. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Data of a model of another system, without targets. */
interface UnlabelledData {
  readonly batches: Iterable<Tensor | readonly Tensor[]>;
  readonly samples: number;
  readonly part: DataPart;
}

/** An ONNX model as a network, and data as it takes them. */
async function openOnnx(path: string, flags: DoctorFlags & { readonly data: string }): Promise<Patient> {
  const file = await readWholeOnnxFile(path);
  const { initializersAreConstant = false, batchSize = defaultBatchSize } = flags;
  const { model } = await importOnnx(file.bytes, { files: file.files, initializersAreConstant });
  const fixed = (await inspectOnnx(file.bytes, { files: file.files })).inputs.some(
    ({ shape: [first] }) => Number(first) > 0,
  );
  const { batches, samples } = await onnxData(file, flags.data, fixed ? (flags.batchSize ?? null) : batchSize, flags);
  const data: UnlabelledData = {
    samples,
    part: flags.part ?? "all",
    batches: {
      *[Symbol.iterator]() {
        for (const arrays of batches) {
          const inputs = Object.values(arrays).map(({ values, shape }) => tensor(Float32Array.from(values), shape));
          yield inputs.length === 1 ? inputs[0] : inputs;
        }
      },
    },
  };
  return {
    model: model as unknown as Module,
    name: path,
    file: path,
    batchSize,
    source: flags.data,
    data,
    settings: {},
  };
}

async function openPatient(path: string, flags: DoctorFlags & { readonly data: string }): Promise<Patient> {
  const { model, meta, file } = await openModel(path, flags);
  const data = await loadPart(meta, flags);
  const settings = { ...meta.training };
  return { model, name: file, file, batchSize: trainingBatchSize(meta), source: flags.data, data, settings };
}

/**
 * A network of a run that the playground exported, with its data.
 *
 * @throws ArgumentError if there is no such network or part
 */
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
  const { model, meta } = trained;
  const settings = { ...meta.training };
  return { model, name, file: path, batchSize: trainingBatchSize(meta), source: path, data, settings };
}

/**
 * Where the page is written; null where none is.
 *
 * @param usual - its name beside the model, where no place was given
 * @throws ArgumentError if a file that is read is to be the page
 * @throws DataError if somebody else's file lies there
 */
function pageOf(patients: readonly Patient[], { page, output: named }: DoctorFlags, usual: string): string | null {
  if (!page) return null;
  if (named !== undefined) {
    checkOutput(
      named,
      ".html",
      patients.flatMap(({ file, source }) => [file, source]),
    );
    return behindLink(named);
  }
  const beside = join(dirname(patients[0].file), usual);
  checkOwn(beside, "name another page: --output page.html");
  return beside;
}

/** Looks at a model on its data. */
async function diagnosed(patient: Patient, given: DoctorFlags): Promise<Diagnosis> {
  const { model, data } = patient;
  const batchSize = given.batchSize ?? patient.batchSize;
  const progress = passProgress("pass", process.stderr);
  const watched = (total: number) => ({
    ...{ batchSize, samples: given.samples },
    onProgress: (done: DiagnoseProgress) => progress.show(done, total),
  });
  const examined = (): Promise<Diagnosis> => {
    if ("batches" in data) return diagnose(model, data.batches, watched(data.samples));
    const drawn = drawInOrder(data.dataset as Dataset<unknown>, given) as Dataset<never>;
    const loss = data.task === "regression" ? { loss: mse } : {};
    // The statistics of a few samples left over say nothing of batches as training has them.
    const isRestTooSmall = drawn.length > batchSize && drawn.length % batchSize < Math.min(batchSize, smallBatch);
    const last = isRestTooSmall ? "drop" : "keep";
    return diagnose(model, batches(drawn, { batchSize, last }), { ...watched(drawn.length), ...loss });
  };
  return examined().finally(progress.close);
}

/** Says how two models differ. */
async function compare(patients: readonly [Patient, Patient], given: DoctorFlags): Promise<void> {
  const page = pageOf(patients, given, "compare.html");
  const compared: Compared[] = [];
  for (const patient of patients) {
    const diagnosis = await diagnosed(patient, given);
    compared.push({
      model: patient.name,
      diagnosis,
      settings: patient.settings,
      curve: testLosses(dirname(patient.file)),
    });
  }
  const [{ source, data }] = patients;
  const comparison: Comparison = { models: [compared[0], compared[1]], data: source, part: data.part };
  if (page !== null) writeWhole(page, await renderPage(comparisonPage(comparison)));
  printResult(given, { ...comparison, page, differences: differencesOf(comparison) }, () => [
    describeComparison(comparison),
    ...(page === null ? [] : ["", `wrote ${page}`]),
  ]);
  if (compared.some(({ diagnosis }) => diagnosis.findings.length > 0)) process.exitCode = ill;
}

/** The test loss after each epoch of the run of a folder; empty where there is none, or somebody has changed it. */
function testLosses(folder: string): Compared["curve"] {
  const path = join(folder, "metrics.jsonl");
  if (!existsSync(path)) return [];
  try {
    const lines = readFileSync(path, "utf8").trim().split("\n");
    const losses = lines.map((line): unknown[] => {
      const { steps, test } = JSON.parse(line);
      return [steps, test.loss];
    });
    return losses.filter((pair): pair is [number, number] => pair.every((value) => typeof value === "number"));
  } catch {
    return [];
  }
}

async function examine(run: string, patient: Patient, given: DoctorFlags): Promise<void> {
  const { name, file, source, data } = patient;
  const page = pageOf([patient], given, "doctor.html");
  const diagnosis = await diagnosed(patient, given);
  const about = { model: name, data: source, part: data.part };
  // What the playground exports brings its own data, and is not recalibrated.
  const commands = file.endsWith(".json") ? new Map() : remedies(diagnosis.findings, run, source, preparation(given));
  if (page !== null) writeWhole(page, await renderPage(doctorReport({ ...about, diagnosis, commands })));
  printResult(given, { ...about, page, ...diagnosis }, () => [
    describeDiagnosis(diagnosis, data.part, commands),
    ...(page === null ? [] : ["", `wrote ${page}`]),
  ]);
  if (diagnosis.findings.length > 0) process.exitCode = ill;
}

/** The flags that say how the data of an ONNX model were prepared, as they are written. */
function preparation({ size, scale, mean, std, layout, ignore }: DoctorFlags): string[] {
  const given = {
    size: size?.join("x"),
    scale,
    mean: mean?.join(","),
    std: std?.join(","),
    layout,
    ignore: ignore?.join(","),
  };
  return Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
}

function trainingBatchSize({ training }: ModelMeta): number {
  const given = training?.["batchSize"];
  return typeof given === "number" && Number.isInteger(given) && given >= 2 ? given : defaultBatchSize;
}
