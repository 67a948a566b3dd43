import { foldTfjs, inspectTfjs, type TfjsFiles, tfjsWeightPaths, toTfjsArtifacts } from "evenkeel/tfjs";
import { functional, layer, norm, sequential } from "../tfjs-models.js";
import type { Draw } from "./draw.js";
import { damagedBytes, damagedJson, damagedText } from "./mutate.js";
import { target } from "./target.js";

const dense = layer(
  "Dense",
  "d",
  { units: 2, batch_input_shape: [null, 2] },
  { kernel: { shape: [2, 2], values: [1, 2, 3, 4] }, bias: [5, 6] },
);
const half = { shape: [2], bytes: [0, 60, 0, 64], quantization: { dtype: "float16" } };
const layers = [
  sequential(
    dense,
    norm("bn"),
    layer("Activation", "relu", { activation: "relu" }),
    norm("again", { weights: { gamma: half, beta: half, moving_mean: half, moving_variance: half } }),
  ),
  functional(
    [{ ...dense, calls: [["x"]] }, norm("bn", { calls: [["d"]] }), layer("Add", "sum", {}, {}, ["bn", "x"])],
    ["sum"],
  ),
];

const node = (op: string, name: string, input: string[] = [], attr: object = {}) => ({ name, op, input, attr });
const four = ["gamma", "beta", "mean", "variance"];
const graph: TfjsFiles = {
  model: new TextEncoder().encode(
    JSON.stringify({
      format: "graph-model",
      modelTopology: {
        node: [
          node("Placeholder", "x", [], {
            dtype: { type: "DT_FLOAT" },
            shape: { shape: { dim: [{ size: "-1" }, { size: "2" }] } },
          }),
          ...four.map((name) => node("Const", name)),
          node("FusedBatchNormV3", "bn", ["x", ...four], { epsilon: { f: 0.001 }, is_training: { b: false } }),
          node("_FusedConv2D", "fused", ["bn", "gamma", ...four], {
            fused_ops: { list: { s: [btoa("FusedBatchNorm")] } },
          }),
          node("Mean", "mu", ["bn", "gamma"]),
          node("SquaredDifference", "squares", ["bn", "mu"]),
          node("Mean", "var", ["squares", "gamma"]),
          node("Rsqrt", "root", ["var"]),
        ],
        library: {
          function: [{ signature: { name: "f" }, nodeDef: [node("FusedBatchNormV2", "bn", ["in", ...four])] }],
        },
      },
      weightsManifest: [{ paths: ["w.bin"], weights: four.map((name) => ({ name, shape: [2], dtype: "float32" })) }],
    }),
  ),
  shards: { "w.bin": new Uint8Array(Float32Array.of(1, 2, 0, 1, 0, 1, 1, 4).buffer) },
};

function damaged(draw: Draw | null, source: TfjsFiles): TfjsFiles {
  const json: object = JSON.parse(new TextDecoder().decode(source.model));
  const shards = Object.entries(source.shards).map(([name, bytes]): [string, Uint8Array] => [
    draw?.once(20) ? `./${name}` : name,
    draw?.once(6) ? damagedBytes(draw, bytes) : bytes,
  ]);
  return {
    model: new TextEncoder().encode(damagedText(draw, damagedJson(draw, json))),
    shards: Object.fromEntries(shards),
  };
}

const sizeOf = ({ model, shards }: TfjsFiles): number =>
  Object.values(shards).reduce((sum, { length }) => sum + length, model.length);

async function read(files: TfjsFiles): Promise<void> {
  tfjsWeightPaths(files.model);
  inspectTfjs(files);
  toTfjsArtifacts(files);
  await foldTfjs(files, { verify: false, dequantize: true });
}

export const tfjsLayers = target({
  name: "TF.js layers model",
  sizeOf,
  make: (draw) => damaged(draw, draw?.pick(layers) ?? layers[0]),
  read,
});

export const tfjsGraph = target({ name: "TF.js graph model", sizeOf, make: (draw) => damaged(draw, graph), read });
