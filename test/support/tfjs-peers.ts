import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import {
  type TensorFlow,
  type TensorFlowModel,
  type TensorFlowTensor,
  type TfjsArtifacts,
  type TfjsFiles,
  tfjsWeightPaths,
  toTfjsFiles,
} from "evenkeel/tfjs";
import { installEvenkeel } from "./own-package.js";

const folder = join(import.meta.dirname, "../peers");
const require = createRequire(join(folder, "package.json"));

/** Whether TensorFlow.js is there; in CI it must be. */
export const hasPeers = existsSync(join(folder, "node_modules/@tensorflow/tfjs"));
if (!hasPeers && process.env["CI"]) throw new Error("TensorFlow.js is missing: npm ci --prefix test/peers");

/** A project that has installed this package and TensorFlow.js. @returns its folder */
export function installWithPeers(project: string): string {
  mkdirSync(join(project, "node_modules"), { recursive: true });
  installEvenkeel(project, "copy");
  for (const modules of [join(folder, "../../node_modules"), join(folder, "node_modules")]) {
    for (const name of readdirSync(modules)) {
      const target = join(project, "node_modules", name);
      if (!name.startsWith(".") && !existsSync(target)) symlinkSync(join(modules, name), target);
    }
  }
  return project;
}

/** A layer, called on values of a network to be. */
export interface LayerBuilder {
  apply(inputs: unknown): unknown;
  readonly weights: readonly { readonly name: string; readonly shape: number[] }[];
  getWeights(): TensorFlowTensor[];
  setWeights(weights: unknown[]): void;
}

/** A network that can be filled and saved. */
export interface BuiltModel extends TensorFlowModel {
  readonly layers: readonly LayerBuilder[];
  save(handler: unknown, config?: object): Promise<unknown>;
  compile(config: object): void;
}

/** What the tests use of TensorFlow.js. */
export interface Builders extends TensorFlow {
  readonly layers: Readonly<Record<string, (config: object) => LayerBuilder>>;
  readonly io: TensorFlow["io"] & { withSaveHandler(save: (artifacts: TfjsArtifacts) => Promise<object>): unknown };
  readonly train: Readonly<Record<string, (rate: number) => unknown>>;
  input(config: object): unknown;
  model(ends: object): BuiltModel;
  sequential(config?: object): BuiltModel;
  setBackend(name: string): Promise<boolean>;
  memory(): { readonly numTensors: number };
}

/** TensorFlow.js on its WebAssembly backend, one thread. */
export async function tensorFlow(): Promise<Builders> {
  const tf: Builders = require("@tensorflow/tfjs");
  const { setThreadsCount } = require("@tensorflow/tfjs-backend-wasm");
  setThreadsCount(1);
  await tf.setBackend("wasm");
  return tf;
}

/** The files of a network that was built. */
export async function filesOf(tf: Builders, model: BuiltModel, config: object = {}): Promise<TfjsFiles> {
  let files: TfjsFiles | undefined;
  const handler = tf.io.withSaveHandler(async (artifacts) => {
    files = toTfjsFiles(artifacts);
    return { modelArtifactsInfo: {} };
  });
  await model.save(handler, config);
  if (files === undefined) throw new Error("internal: TF.js saved nothing");
  return files;
}

/** A model of nsfwjs, as its files. */
export async function nsfwModel(name: "mobilenet_v2" | "mobilenet_v2_mid" | "inception_v3"): Promise<TfjsFiles> {
  const scripts = join(folder, "node_modules/nsfwjs/dist/models", name);
  const model = new TextEncoder().encode(JSON.stringify(require(join(scripts, "model.min.js"))));
  // Each script holds one text; to run it takes far longer than to read it.
  const bytes = tfjsWeightPaths(model).map((path) => {
    const script = readFileSync(join(scripts, `${path.replace(/\.bin$/, "")}.min.js`), "utf8");
    return Uint8Array.from(Buffer.from(/exports="([^"]*)"/.exec(script)?.[1] ?? "", "base64"));
  });
  return { model, shards: Object.fromEntries(tfjsWeightPaths(model).map((path, k) => [path, bytes[k]])) };
}
