import { readSafetensors, saveModel, type Tensor, tensor, version, writeSafetensors } from "evenkeel";
import type { Experiment } from "../settings.js";
import type { Contest, Entrant } from "./contest.js";
import type { Samples, TrainingData } from "./data-sets.js";
import { pipeBytes } from "./pipe-bytes.js";
import type { CurveName, LayerCurveName } from "./trainer.js";
import { Trainer } from "./trainer.js";

/** A run as a file keeps it: all that is needed to read it, to make it again, and to compare. JSON. */
export interface ExportedRun {
  readonly format: "evenkeel-playground";
  readonly formatVersion: 1;
  /** Which version of the library trained. */
  readonly evenkeel: string;
  /** Data, seed and both networks: the recipe. */
  readonly experiment: Experiment;
  /** What the recipe gave, as the base64 of a .safetensors file in gzip: see {@link readData}. */
  readonly data: string;
  readonly networks: readonly [a: ExportedNetwork, b: ExportedNetwork];
}

/** A network of an {@link ExportedRun}. */
export interface ExportedNetwork {
  readonly name: "A" | "B";
  readonly steps: number;
  /** The library's own words, if it refused to go on. */
  readonly error: string | null;
  /** What was measured over training. NaN is null. */
  readonly curves: Readonly<Record<CurveName, readonly (number | null)[]>>;
  /** The same of each hidden layer. */
  readonly layerCurves: readonly Readonly<Record<LayerCurveName, readonly (number | null)[]>>[];
  /** What `saveModel` wrote, as base64; null if the library could not build it. */
  readonly model: string | null;
}

/** Writes down a run as it stands. */
export async function exportRun({ experiment, data, entrants }: Contest): Promise<ExportedRun> {
  // At once, since training goes on while the data are packed.
  const networks = [exportNetwork("A", entrants[0], experiment), exportNetwork("B", entrants[1], experiment)] as const;
  return {
    format: "evenkeel-playground",
    formatVersion: 1,
    evenkeel: version,
    experiment,
    data: base64Of(await pipeBytes(writeData(data), new CompressionStream("gzip"))),
    networks,
  };
}

function exportNetwork(name: "A" | "B", entrant: Entrant, experiment: Experiment): ExportedNetwork {
  if (!(entrant instanceof Trainer)) {
    return { name, steps: 0, error: entrant.error, curves: noCurves, layerCurves: [], model: null };
  }
  const { steps, error, curves, layerCurves, network, data, settings } = entrant;
  const classes = Array.from({ length: data.classes }, (_, k) => String(k));
  const training = { steps, data: experiment.data, noise: experiment.noise, seed: experiment.seed, ...settings };
  return {
    name,
    steps,
    error,
    curves: numbersOf(curves.columns()),
    layerCurves: layerCurves.map((one) => numbersOf(one.columns())),
    model: base64Of(saveModel(network.model, { inputShape: data.shape, classes, training })),
  };
}

const noCurves: ExportedNetwork["curves"] = { step: [], loss: [], testLoss: [], testAccuracy: [] };

function numbersOf<Name extends string>(
  columns: Readonly<Record<Name, Float32Array>>,
): Record<Name, (number | null)[]> {
  const entries = Object.entries<Float32Array>(columns).map(([name, values]) => [
    name,
    // Nine digits tell any two float32 apart.
    Array.from(values, (value) => (Number.isFinite(value) ? Number(value.toPrecision(9)) : null)),
  ]);
  return Object.fromEntries(entries);
}

/** Samples as tensors `train.inputs` (N, …), `train.labels` (N), `test.inputs` and `test.labels`. */
function writeData({ shape, classes, train, test }: TrainingData): Uint8Array {
  const tensors = Object.fromEntries(
    Object.entries({ train, test }).flatMap(([name, { inputs, labels }]): [string, Tensor][] => [
      [`${name}.inputs`, tensor(inputs, [labels.length, ...shape])],
      [`${name}.labels`, tensor(Float32Array.from(labels), [labels.length])],
    ]),
  );
  const bytes = writeSafetensors(tensors, { classes: String(classes) });
  for (const t of Object.values(tensors)) t.dispose();
  return bytes;
}

/** The data that a run was trained on, from its file. */
export async function readData(run: ExportedRun): Promise<TrainingData> {
  const { tensors, metadata } = readSafetensors(await pipeBytes(bytesOf(run.data), new DecompressionStream("gzip")));
  const samples = (name: string): Samples => ({
    inputs: tensors[`${name}.inputs`].dataSync(),
    labels: Int32Array.from(tensors[`${name}.labels`].dataSync()),
  });
  const [, ...shape] = tensors["train.inputs"].shape;
  const data = { shape, classes: Number(metadata["classes"]), train: samples("train"), test: samples("test") };
  for (const t of Object.values(tensors)) t.dispose();
  return data;
}

function base64Of(bytes: Uint8Array): string {
  let text = "";
  // In pieces, since a call takes no more than so many arguments.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
