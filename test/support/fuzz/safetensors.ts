import { crc32 } from "node:zlib";
import {
  BatchNorm,
  Dropout,
  describeCheckpoint,
  Embedding,
  fit,
  Linear,
  loadModel,
  mse,
  ReLU,
  Residual,
  readSafetensors,
  Sequential,
  Sgd,
  SpectralNorm,
  saveModel,
  scope,
  tensor,
  WeightNorm,
  WeightStandardization,
  writeSafetensors,
  zeros,
} from "evenkeel";
import { Shared, SqueezeExcite, TwoInputs } from "../own-networks.js";
import type { Draw } from "./draw.js";
import { damagedBytes, damagedJson, damagedText, mutateTree, several } from "./mutate.js";
import { target } from "./target.js";

/** A safetensors file in parts: its header, which may be changed, and its values. */
export interface SafetensorsParts {
  readonly header: Record<string, unknown>;
  readonly values: Uint8Array;
}

const headerOf = (bytes: Uint8Array): number => Number(new DataView(bytes.buffer).getBigUint64(0, true));

/** Takes a file apart. */
export function partsOf(bytes: Uint8Array): SafetensorsParts {
  const end = 8 + headerOf(bytes);
  return { header: JSON.parse(new TextDecoder().decode(bytes.subarray(8, end))), values: bytes.slice(end) };
}

/** Puts a file together, damaged in its lengths, its header's text and its values. */
export function joined(draw: Draw | null, { header, values }: SafetensorsParts): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(damagedText(draw, header));
  const length = draw?.once(12) ? draw.pick([0n, 1n, 2n ** 24n, 2n ** 40n, 2n ** 63n, 2n ** 64n - 1n]) : json.length;
  const bytes = new Uint8Array(8 + json.length + values.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  bytes.set(values, 8 + json.length);
  return draw?.once(10) ? damagedBytes(draw, bytes) : bytes;
}

/** Changes JSON that stands as text in the metadata. */
function damageEntry(draw: Draw | null, header: Record<string, unknown>, entry: string): void {
  const metadata = header["__metadata__"] as Record<string, string>;
  metadata[entry] = damagedText(draw, damagedJson(draw, JSON.parse(metadata[entry])));
}

const bytesOf = ({ length }: Uint8Array): number => length;

const plain = partsOf(
  writeSafetensors(
    {
      a: tensor([1, 2, 3]),
      "b.weight": tensor([
        [1, 2],
        [3, 4],
      ]),
      c: tensor(5),
      none: tensor([], [0, 3]),
    },
    { note: "two" },
  ),
);

export const safetensors = target<Uint8Array>({
  name: "safetensors",
  sizeOf: bytesOf,
  make: (draw) => joined(draw, { ...plain, header: damagedJson(draw, plain.header) }),
  read: (bytes) => scope(() => readSafetensors(bytes).metadata),
});

const models = [
  new Sequential(
    new Linear(3, 4),
    new BatchNorm(4).freeze(),
    new ReLU(),
    new Residual(new Linear(4, 4)),
    new Dropout(0.1),
  ),
  new Sequential(
    new Embedding(5, 4),
    new WeightNorm(new Linear(4, 4)),
    new SpectralNorm(new Linear(4, 3)),
    new WeightStandardization(new Linear(3, 2)),
  ),
].map((model) => partsOf(saveModel(model, { classes: ["a", "b"], inputShape: [3] })));
/** Files whose network is a graph of layers, ops, names and constants. */
const graphs = [
  partsOf(saveModel(new Shared(), { inputShape: [4] })),
  partsOf(saveModel(new SqueezeExcite(), { inputShape: [1, 5, 5] })),
  partsOf(saveModel(new TwoInputs(), {}, { probe: [zeros([2, 3]), zeros([2, 5])] })),
];

export const modelFile = target<Uint8Array>({
  name: "model file",
  sizeOf: bytesOf,
  make(draw) {
    const { header, values } = structuredClone(draw?.pick(draw.once(2) ? graphs : models) ?? models[0]);
    const both = draw === null || draw.once(4);
    if (both || !draw.once(3)) damageEntry(draw, header, "evenkeel");
    if (draw !== null && (both || draw.once(3))) several(draw, () => mutateTree(draw, header));
    return joined(draw, { header, values });
  },
  read(bytes) {
    const { model } = loadModel(bytes);
    String(model);
    for (const parameter of model.parameters()) parameter.dispose();
  },
});

const inputs = { values: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] };
const batch = { inputs, targets: { values: Float32Array.of(1, 0), shape: [2, 1] } };
const data = {
  length: 1,
  *[Symbol.iterator]() {
    yield batch;
  },
};
const network = (): Sequential => new Sequential(new Linear(3, 4), new BatchNorm(4), new Linear(4, 1));

async function checkpointParts(): Promise<SafetensorsParts> {
  const model = network();
  let saved = new Uint8Array();
  const checkpoint = {
    save: (bytes: Uint8Array): void => {
      saved = Uint8Array.from(bytes);
    },
    note: () => ({ a: 1 }),
  };
  const optimizer = new Sgd(model.parameters(), { lr: 0.1, momentum: 0.9 });
  await fit(model, data, { epochs: 1, optimizer, loss: mse, checkpoint });
  return partsOf(saved);
}

const checkpointSource = await checkpointParts();
const checksumAt = 8 + '{"__metadata__":{"crc32":"'.length;

/** Checkpoints whose checksum is right, most of them. */
export const checkpoint = target<Uint8Array>({
  name: "checkpoint",
  sizeOf: bytesOf,
  make(draw) {
    const { header, values } = structuredClone(checkpointSource);
    const both = draw === null || draw.once(4);
    if (both || !draw.once(3)) damageEntry(draw, header, "evenkeel-checkpoint");
    const { __metadata__: metadata, ...entries } = header;
    const rest = draw !== null && (both || draw.once(3)) ? damagedJson(draw, entries) : entries;
    const whole = { __metadata__: { ...(metadata as object), crc32: "00000000" }, ...rest };
    const bytes = joined(draw, { header: whole, values });
    if (draw?.once(20)) return bytes;
    bytes.fill("0".charCodeAt(0), checksumAt, checksumAt + 8);
    bytes.set(
      new TextEncoder()
        .encode(crc32(bytes).toString(16).padStart(8, "0"))
        .subarray(0, Math.max(0, bytes.length - checksumAt)),
      Math.min(checksumAt, bytes.length),
    );
    return bytes;
  },
  async read(from) {
    describeCheckpoint(from);
    const model = network();
    const optimizer = new Sgd(model.parameters(), { lr: 0.1, momentum: 0.9 });
    await fit(model, data, { epochs: 1, optimizer, loss: mse, checkpoint: { from, save: () => {} } });
  },
});
