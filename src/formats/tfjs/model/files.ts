import { printable } from "../../printable.js";
import { isObject, type JsonObject, malformed, parseModelJson } from "./json.js";
import { checkSpec, cutWeights, type TfjsWeightSpec, type Weight } from "./weights.js";

/** A model of TensorFlow.js as it lies in files. */
export interface TfjsFiles {
  /** The file model.json. */
  readonly model: Uint8Array;
  /** The files of weights beside it, by the paths that model.json gives them. */
  readonly shards: Readonly<Record<string, Uint8Array>>;
}

/**
 * A model as TF.js itself hands it on: what `tf.io.fromMemory` takes and `tf.io.withSaveHandler` gets (its
 * ModelArtifacts).
 */
export interface TfjsArtifacts {
  /** Layers and how they are connected, or a graph's nodes. */
  readonly modelTopology?: object;
  /** What each weight is. */
  readonly weightSpecs?: readonly TfjsWeightSpec[];
  /** The weights one after another, little-endian; a list is taken to be one after another too. */
  readonly weightData?: ArrayBuffer | readonly ArrayBuffer[];
  /** `layers-model` or `graph-model`. */
  readonly format?: string;
  /** What made it, e.g. `TensorFlow.js tfjs-layers v4.22.0`. */
  readonly generatedBy?: string;
  /** What converted it; null if nothing did. */
  readonly convertedBy?: string | null;
}

/** A model that was read and found whole: a copy of its JSON that may be edited, and its weights. */
export interface TfjsParts {
  /** All of model.json but its manifest. */
  readonly document: JsonObject;
  /** Weights by group of the manifest. */
  readonly groups: readonly (readonly Weight[])[];
}

/** As TF.js itself cuts them. */
const shardBytes = 4 * 1024 * 1024;

interface Group {
  readonly paths: readonly string[];
  readonly specs: readonly TfjsWeightSpec[];
}

/**
 * The paths of the weight files that a model.json names, relative to it: what to fetch or read beside it.
 *
 * @param model - the file model.json
 * @throws FormatError if it is none, or names a file outside its own folder
 */
export function tfjsWeightPaths(model: Uint8Array): string[] {
  const where = "tfjsWeightPaths(model)";
  return manifestOf(where, parseModelJson(where, model)).flatMap(({ paths }) => paths);
}

function manifestOf(where: string, { weightsManifest }: JsonObject): Group[] {
  if (!Array.isArray(weightsManifest)) {
    throw malformed(where, "a model.json with a weightsManifest", printable(weightsManifest));
  }
  const seen = new Set<string>();
  const once = (kind: string, name: string): void => {
    if (seen.has(`${kind} ${name}`)) throw malformed(where, `every ${kind} once`, `${printable(name)} twice`);
    seen.add(`${kind} ${name}`);
  };
  return weightsManifest.map((group: unknown): Group => {
    if (!isObject(group) || !Array.isArray(group["paths"]) || !Array.isArray(group["weights"])) {
      throw malformed(where, "paths and weights in each group of the manifest", printable(group));
    }
    const paths = group["paths"].map((path: unknown) => checkPath(where, path));
    const specs = group["weights"].map((spec: unknown) => checkSpec(where, spec));
    for (const path of paths) once("file", path);
    for (const { name } of specs) once("weight", name);
    return { paths, specs };
  });
}

/**
 * A path below the model's folder, without the `./` that TF.js's own downloads put before it: a model from elsewhere
 * must not choose what is read or written.
 */
function checkPath(where: string, given: unknown): string {
  const path = typeof given === "string" ? given.replace(/^\.\//, "") : "";
  const isPlain = /^[^\\:\0]+$/.test(path) && path.split("/").every((part) => !/^\.{0,2}$/.test(part));
  if (!isPlain) throw malformed(where, "paths of weight files in its own folder", printable(given));
  return path;
}

/** @throws FormatError if the files are not whole */
export function readTfjs(where: string, { model, shards }: TfjsFiles): TfjsParts {
  const { weightsManifest, ...document } = parseModelJson(where, model);
  const groups = manifestOf(where, { weightsManifest }).map(({ paths, specs }) => {
    return cutWeights(where, specs, concat(paths.map((path) => shardOf(where, shards, path))));
  });
  return { document, groups };
}

/** The file of a path, with or without the `./` that the model has before it. @throws FormatError if it is missing */
function shardOf(where: string, shards: TfjsFiles["shards"], path: string): Uint8Array {
  const found = [path, `./${path}`].find((name) => Object.hasOwn(shards, name));
  if (found === undefined) throw malformed(where, `the weight file ${printable(path)}`, "none");
  return shards[found];
}

/** Files of a model; weights are cut into files of 4 MiB for each group, as TF.js does. */
export function writeTfjs({ document, groups }: TfjsParts): TfjsFiles {
  const shards: Record<string, Uint8Array> = {};
  const weightsManifest = groups.map((weights, g) => {
    const bytes = concat(weights.map((weight) => weight.bytes));
    const count = Math.ceil(bytes.length / shardBytes);
    const paths = Array.from({ length: count }, (_, k) => `group${g + 1}-shard${k + 1}of${count}.bin`);
    for (const [k, path] of paths.entries()) shards[path] = bytes.slice(k * shardBytes, (k + 1) * shardBytes);
    return { paths, weights: weights.map(({ spec }) => spec) };
  });
  return { model: new TextEncoder().encode(JSON.stringify({ ...document, weightsManifest })), shards };
}

/**
 * The same model with other names for its files of weights, in its model.json too.
 *
 * @param nameOf - the new name of a file, by its place in the manifest (groups and files counted from 1) and its bytes
 * @throws FormatError if model.json is none, or a file is missing
 */
export function renameShards(
  where: string,
  { model, shards }: TfjsFiles,
  nameOf: (place: { readonly group: number; readonly shard: number; readonly of: number }, bytes: Uint8Array) => string,
): TfjsFiles {
  const document = parseModelJson(where, model);
  const renamed: Record<string, Uint8Array> = {};
  const weightsManifest = manifestOf(where, document).map(({ paths, specs }, g) => ({
    paths: paths.map((path, k) => {
      const bytes = shardOf(where, shards, path);
      const name = nameOf({ group: g + 1, shard: k + 1, of: paths.length }, bytes);
      renamed[name] = bytes;
      return name;
    }),
    weights: specs,
  }));
  return { model: new TextEncoder().encode(JSON.stringify({ ...document, weightsManifest })), shards: renamed };
}

/**
 * Files of a model that TF.js hands on.
 *
 * @param artifacts - what a save handler of TF.js gets; topology and weights must be in it
 * @returns model.json and the files of weights, cut at 4 MiB
 * @throws FormatError if the weights are not as many bytes as their specs say
 * @example
 * ```ts
 * const weightSpecs = [{ name: "dense/kernel", shape: [2, 1], dtype: "float32" }];
 * const weightData = new Float32Array([1, 2]).buffer;
 * const files = toTfjsFiles({ format: "layers-model", modelTopology: {}, weightSpecs, weightData });
 * Object.keys(files.shards); // ["group1-shard1of1.bin"]
 * ```
 */
export function toTfjsFiles(artifacts: TfjsArtifacts): TfjsFiles {
  const where = "toTfjsFiles(artifacts)";
  const { weightSpecs, weightData, ...document } = artifacts;
  if (weightSpecs === undefined || weightData === undefined || document.modelTopology === undefined) {
    throw malformed(where, "modelTopology, weightSpecs and weightData", `only ${Object.keys(artifacts).join(", ")}`);
  }
  const specs = weightSpecs.map((spec) => checkSpec(where, spec));
  const buffers = weightData instanceof ArrayBuffer ? [weightData] : weightData;
  const bytes = concat(buffers.map((buffer) => new Uint8Array(buffer)));
  return writeTfjs({ document, groups: [cutWeights(where, specs, bytes)] });
}

/**
 * A model as TF.js takes it from memory: `tf.loadLayersModel(tf.io.fromMemory(toTfjsArtifacts(files)))`.
 *
 * @throws FormatError if the files are damaged, or one is missing
 */
export function toTfjsArtifacts(files: TfjsFiles): TfjsArtifacts {
  const { document, groups } = readTfjs("toTfjsArtifacts(files)", files);
  const weights = groups.flat();
  const { buffer } = concat(weights.map(({ bytes }) => bytes)).slice();
  return { ...document, weightSpecs: weights.map(({ spec }) => spec), weightData: buffer };
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBufferLike> {
  if (parts.length === 1) return parts[0];
  const bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
