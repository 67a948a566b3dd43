import { tensor } from "../create.js";
import { FormatError } from "../errors.js";
import type { Shape } from "../shape.js";
import { shown } from "../shown.js";
import type { Tensor } from "../tensor.js";
import { isObject } from "./json.js";
import { readSafetensors, writeSafetensors } from "./safetensors/safetensors.js";

/** A curve by its name; what is not finite is null. */
export type RunCurves = Readonly<Record<string, readonly (number | null)[]>>;

/** A network of a {@link PlaygroundRun}. `Bytes` are a string in base64 where it is JSON. */
export interface PlaygroundNetwork<Bytes = Uint8Array> {
  /** What the playground calls it. */
  readonly name: "A" | "B";
  /** How many steps it was trained. */
  readonly steps: number;
  /** Why training ended early, in the library's words; null if it did not. */
  readonly error: string | null;
  /** What was measured over training. */
  readonly curves: RunCurves;
  /** The same of each hidden layer. */
  readonly layerCurves: readonly RunCurves[];
  /** What `saveModel` wrote; null if the network could not be built. */
  readonly model: Bytes | null;
}

/** A run of the playground: all that is needed to read it, to make it again, and to compare. */
export interface PlaygroundRun<Experiment = unknown> {
  /** Which version of the library trained. */
  readonly evenkeel: string;
  /** Data, seed and both networks: the recipe, as the playground writes it. */
  readonly experiment: Experiment;
  /** What the recipe gave: what {@link encodeRunData} wrote, in gzip. */
  readonly data: Uint8Array;
  /** Both networks, in the order of the page. */
  readonly networks: readonly PlaygroundNetwork[];
}

/** A {@link PlaygroundRun} as JSON. */
export interface EncodedRun<Experiment = unknown> {
  /** Tells such a file from others. */
  readonly format: "evenkeel-playground";
  /** The version of the format. */
  readonly formatVersion: 1;
  /** See {@link PlaygroundRun}. */
  readonly evenkeel: string;
  /** See {@link PlaygroundRun}. */
  readonly experiment: Experiment;
  /** In base64. */
  readonly data: string;
  /** Their models in base64. */
  readonly networks: readonly PlaygroundNetwork<string>[];
}

/** Labelled samples of a run. */
export interface RunSamples {
  /** One after another. */
  readonly inputs: Float32Array;
  /** The class of each. */
  readonly labels: Int32Array;
}

/** What the networks of a run were trained and tested on. */
export interface RunData {
  /** The shape of one sample. */
  readonly shape: Shape;
  /** How many classes there are. */
  readonly classes: number;
  /** What both networks were trained on. */
  readonly train: RunSamples;
  /** What neither has seen. */
  readonly test: RunSamples;
}

/** A run as JSON, which {@link decodeRun} reads. */
export function encodeRun<Experiment>(run: PlaygroundRun<Experiment>): EncodedRun<Experiment> {
  const { evenkeel, experiment, data, networks } = run;
  return {
    format: "evenkeel-playground",
    formatVersion: 1,
    evenkeel,
    experiment,
    data: base64Of(data),
    networks: networks.map(({ model, ...network }) => ({ ...network, model: model === null ? null : base64Of(model) })),
  };
}

/**
 * A run from JSON that {@link encodeRun} wrote.
 *
 * @param where - what an error calls it
 * @throws FormatError if it is none, or damaged
 */
export function decodeRun(json: unknown, where = "decodeRun(json)"): PlaygroundRun {
  if (!isObject(json) || json["format"] !== "evenkeel-playground") {
    throw noRun(where);
  }
  const { formatVersion, evenkeel, experiment, data, networks } = json;
  if (formatVersion !== 1) throw fault(where, "formatVersion 1", shown(formatVersion));
  if (!Array.isArray(networks) || networks.length > 2) {
    throw fault(where, "a list of at most two networks", shown(networks));
  }
  return {
    evenkeel: typeof evenkeel === "string" ? evenkeel : "",
    experiment,
    data: bytesOf(where, data),
    networks: networks.map((network: unknown) => decodeNetwork(where, network)),
  };
}

function decodeNetwork(where: string, stored: unknown): PlaygroundNetwork {
  const { name, steps, error, curves, layerCurves, model } = isObject(stored) ? stored : {};
  if ((name !== "A" && name !== "B") || typeof steps !== "number" || !Number.isSafeInteger(steps)) {
    throw fault(where, "networks with name and steps", shown({ name, steps }));
  }
  return {
    name,
    steps,
    error: typeof error === "string" ? error : null,
    curves: isObject(curves) ? (curves as RunCurves) : {},
    layerCurves: Array.isArray(layerCurves) ? layerCurves : [],
    model: model === null ? null : bytesOf(where, model),
  };
}

/** Samples as a .safetensors file of `train.inputs` (N, …), `train.labels` (N), `test.inputs` and `test.labels`. */
export function encodeRunData({ shape, classes, train, test }: RunData): Uint8Array {
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

/**
 * Samples from what {@link encodeRunData} wrote.
 *
 * @param where - what an error calls them
 * @throws FormatError if they are damaged
 */
export function decodeRunData(bytes: Uint8Array, where = "decodeRunData(bytes)"): RunData {
  const { tensors, metadata } = readSafetensors(bytes);
  try {
    const samples = (part: "train" | "test"): RunSamples & { readonly shape: Shape } => {
      const [inputs, labels] = [tensors[`${part}.inputs`], tensors[`${part}.labels`]];
      if (inputs === undefined || labels === undefined) {
        throw fault(where, `${part}.inputs and ${part}.labels`, Object.keys(tensors).join(", ") || "nothing");
      }
      return { inputs: inputs.dataSync(), labels: Int32Array.from(labels.dataSync()), shape: inputs.shape.slice(1) };
    };
    const { shape, ...train } = samples("train");
    const { shape: _, ...test } = samples("test");
    return { shape, classes: Number(metadata["classes"]), train, test };
  } finally {
    for (const t of Object.values(tensors)) t.dispose();
  }
}

function base64Of(bytes: Uint8Array): string {
  let text = "";
  // In pieces, since a call takes no more than so many arguments.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

function bytesOf(where: string, base64: unknown): Uint8Array {
  const expected = "data and models in base64";
  if (typeof base64 !== "string") throw fault(where, expected, typeof base64);
  try {
    const text = atob(base64);
    return Uint8Array.from({ length: text.length }, (_, k) => text.charCodeAt(k));
  } catch {
    throw fault(where, expected, "other characters");
  }
}

/** The refusal of what is no run at all. */
export function noRun(where: string): FormatError {
  return fault(where, "a run exported from the playground", "something else");
}

function fault(where: string, expected: string, received: string): FormatError {
  return new FormatError({ where, expected, received, cure: "Export the run again from the playground." });
}
