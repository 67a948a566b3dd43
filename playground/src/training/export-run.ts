import {
  decodeRun,
  decodeRunData,
  type EncodedRun,
  encodeRun,
  encodeRunData,
  type PlaygroundNetwork,
  type RunData,
  saveModel,
  version,
} from "evenkeel";
import type { Experiment } from "../settings.js";
import type { Contest, Entrant } from "./contest.js";
import { pipeBytes } from "./pipe-bytes.js";
import { Trainer } from "./trainer.js";

/** A run as a file keeps it: JSON. */
export type ExportedRun = EncodedRun<Experiment>;

/** Writes down a run as it stands. */
export async function exportRun({ experiment, data, entrants }: Contest): Promise<ExportedRun> {
  // At once, since training goes on while the data are packed.
  const networks = [exportNetwork("A", entrants[0], experiment), exportNetwork("B", entrants[1], experiment)];
  const packed = await pipeBytes(encodeRunData(data), new CompressionStream("gzip"));
  return encodeRun({ evenkeel: version, experiment, data: packed, networks });
}

function exportNetwork(name: "A" | "B", entrant: Entrant, experiment: Experiment): PlaygroundNetwork {
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
    model: saveModel(network.model, { inputShape: data.shape, classes, training }),
  };
}

const noCurves: PlaygroundNetwork["curves"] = { step: [], loss: [], testLoss: [], testAccuracy: [] };

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

/** The data that a run was trained on, from its file. */
export async function readData(run: ExportedRun): Promise<RunData> {
  return decodeRunData(await pipeBytes(decodeRun(run).data, new DecompressionStream("gzip")));
}
