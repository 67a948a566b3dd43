import { readFileSync } from "node:fs";
import { join } from "node:path";
import { importKeras, repairKeras } from "evenkeel/keras";
import { type ImportedTfjs, importTfjs, type TfjsFiles } from "evenkeel/tfjs";
import { unzipSync, zipSync } from "fflate";
import { filesOf, type StoredTfjs } from "../tfjs-fixtures.js";
import type { Draw } from "./draw.js";
import { damagedBytes, damagedJson, damagedText } from "./mutate.js";
import { target } from "./target.js";

const fixture = (name: string): Uint8Array => readFileSync(join(import.meta.dirname, "../../fixtures", name));
const models: StoredTfjs[] = JSON.parse(new TextDecoder().decode(fixture("tfjs-import.json")));
const layers = models.filter(({ format }) => format === "layers-model").map(filesOf);
const graphs = models.filter(({ format }) => format === "graph-model").map(filesOf);

function damaged(draw: Draw | null, sources: readonly TfjsFiles[]): TfjsFiles {
  const { model, shards } = draw?.pick(sources) ?? sources[0];
  const json: object = JSON.parse(new TextDecoder().decode(model));
  return {
    model: new TextEncoder().encode(damagedText(draw, damagedJson(draw, json))),
    shards: Object.fromEntries(
      Object.entries(shards).map(([name, bytes]) => [name, draw?.once(10) ? damagedBytes(draw, bytes) : bytes]),
    ),
  };
}

const sizeOf = ({ model, shards }: TfjsFiles): number =>
  Object.values(shards).reduce((sum, { length }) => sum + length, model.length);

/** What is imported can be printed; whether it runs is another matter, since shapes may lie. */
function look({ model }: ImportedTfjs): void {
  String(model);
  model.stateDict();
}

export const tfjsImport = target({
  name: "importTfjs of layers",
  sizeOf,
  make: (draw) => damaged(draw, layers),
  read: async (files: TfjsFiles) => {
    await repairKeras(files);
    look(await importTfjs(files));
  },
});

export const tfjsGraphImport = target({
  name: "importTfjs of a graph",
  sizeOf,
  make: (draw) => damaged(draw, graphs),
  read: async (files: TfjsFiles) => look(await importTfjs(files)),
});

const archives = ["cnn", "transformer", "siamese"].map((name) => unzipSync(fixture(`keras-${name}.keras`)));

/** A zip with damage inside, or damaged itself. */
function damagedArchive(draw: Draw | null): Uint8Array {
  const files = { ...(draw?.pick(archives) ?? archives[0]) };
  if (draw !== null && !draw.once(4)) {
    const config: object = JSON.parse(new TextDecoder().decode(files["config.json"]));
    files["config.json"] = new TextEncoder().encode(damagedText(draw, damagedJson(draw, config)));
  }
  if (draw?.once(3)) files["model.weights.h5"] = damagedBytes(draw, files["model.weights.h5"]);
  const bytes = zipSync(files, { level: draw?.once(2) ? 6 : 0 });
  return draw?.once(6) ? damagedBytes(draw, bytes) : bytes;
}

const read = async (bytes: Uint8Array): Promise<void> => look(await importKeras(bytes));

/** HDF5 is read by a program of its own in WebAssembly, which each case starts anew. */
const hdf5Share = 0.05;

export const kerasArchive = target({
  name: ".keras",
  share: hdf5Share,
  sizeOf: ({ length }: Uint8Array) => length,
  make: damagedArchive,
  read,
});

const whole = ["keras-cnn.h5", "keras-2.h5"].map(fixture);

export const kerasH5 = target({
  name: "Keras .h5",
  share: hdf5Share,
  sizeOf: ({ length }: Uint8Array) => length,
  make: (draw) => (draw === null ? whole[0] : damagedBytes(draw, draw.pick(whole))),
  read,
});
