import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  BatchNorm,
  Conv2d,
  Flatten,
  Linear,
  loadModel,
  Module,
  noGrad,
  onWarning,
  predict,
  ReLU,
  Sequential,
  saveModel,
  setBackend,
  type Tensor,
} from "evenkeel";
import { inspectTfjs, type TfjsFiles, tfjsWeightPaths } from "evenkeel/tfjs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectClose } from "../support/close.js";
import { evenkeelIn } from "../support/command.js";
import { temporaryFolder } from "../support/idx-files.js";
import { npyBytes } from "../support/npy-files.js";
import { runOnnx } from "../support/onnx-runtime.js";
import { installEvenkeel } from "../support/own-package.js";
import { normal } from "../support/seeded.js";
import { hasPeers, installWithPeers } from "../support/tfjs-peers.js";

let folder = "";
const evenkeel = (...args: string[]) => evenkeelIn(folder, ...args);
const model = () =>
  new Sequential(
    new Conv2d(1, 3, 3),
    new BatchNorm(3),
    new ReLU(),
    new BatchNorm(3),
    new ReLU(),
    new Flatten(),
    new Linear(12, 2),
  );

/** The files of a TF.js model in a folder. */
function readTfjs(path: string): TfjsFiles {
  const model = readFileSync(join(path, "model.json"));
  const shards = tfjsWeightPaths(model).map((name) => [name, readFileSync(join(path, name))]);
  return { model, shards: Object.fromEntries(shards) };
}

beforeAll(() => {
  setBackend("wasm");
  folder = temporaryFolder();
  installEvenkeel(folder, "link");
  const trained = model();
  noGrad(() => trained.forward(normal([8, 1, 4, 4], 1)));
  mkdirSync(join(folder, "run"));
  const meta = { inputShape: [1, 4, 4], classes: ["a", "b"], training: { data: "private" } };
  writeFileSync(join(folder, "run/model.safetensors"), saveModel(trained, meta));
  writeFileSync(join(folder, "shapeless.safetensors"), saveModel(trained));
  class Odd extends Module {
    body = trained;
    override forward(x: Tensor): Tensor {
      return this.body.forward(x.sum().item() > 0 ? x : x.neg());
    }
  }
  const source = `import { BatchNorm, Conv2d, Flatten, Linear, Module, ReLU, Sequential } from "evenkeel";
export default class Odd extends Module {
  body = new Sequential(new Conv2d(1, 3, 3), new BatchNorm(3), new ReLU(), new BatchNorm(3), new ReLU(), new Flatten(), new Linear(12, 2));
  forward(x) { return this.body.forward(x.sum().item() > 0 ? x : x.neg()); }
}`;
  writeFileSync(join(folder, "net.mjs"), source);
  // That it cannot be traced is a warning.
  onWarning(() => {});
  writeFileSync(join(folder, "odd.safetensors"), saveModel(new Odd(), meta));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("export writes ONNX, verified, which predicts what the run does; and a folded model of its own kind", async () => {
  const { code, stdout, stderr } = evenkeel("export", "run", "--to", "onnx", "-o", "out/model.onnx", "--fold");
  expect([code, stderr]).toEqual([0, ""]);
  expect(
    stdout.replaceAll(/(onnxruntime: |relative )\S+?(?=,| \()/g, "$1DIFFERENCE").replace(/\d+ bytes/, "BYTES"),
  ).toMatchInlineSnapshot(`
    "3 not folded: before it stands ReLU(); behind it stands ReLU()
    1 folded, 1 left
    largest difference in onnxruntime: DIFFERENCE, relative DIFFERENCE (at most 0.0001 passes; 8 random samples)
    wrote out/model.onnx, BYTES
    "
  `);
  const bytes = readFileSync(join(folder, "out/model.onnx"));
  expect(bytes.includes("private")).toBe(false);
  expect(bytes.includes('["a","b"]')).toBe(true);
  const x = normal([4, 1, 4, 4], 3);
  const { output } = await runOnnx(bytes, { input: { shape: x.shape, values: [...x.dataSync()] } });
  const run = loadModel(readFileSync(join(folder, "run/model.safetensors")));
  expectClose(output.values, (await predict(run.model, x)).dataSync(), 1e-5);

  const said = JSON.parse(
    evenkeel("export", "run", "--to", "safetensors", "-o", "folded.safetensors", "--fold", "--json").stdout,
  );
  expect(said).toMatchObject({
    to: "safetensors",
    output: "folded.safetensors",
    folded: [{ norm: "1", into: "0" }],
    verification: null,
  });
  const folded = loadModel(readFileSync(join(folder, "folded.safetensors")));
  expectClose((await predict(folded.model, x)).dataSync(), output.values, 1e-5);
});

test("each mistake is told in a line, and writes nothing", () => {
  const before = readdirSync(folder);
  const failure = (...args: string[]) => {
    const { code, stderr } = evenkeel("export", ...args);
    return `${code}: ${stderr.split("\n")[0].replace(/got \S+ \(absolute \S+\)/, "got DIFFERENCE")}`;
  };
  expect([
    failure("run"),
    failure("run", "--to", "onnx"),
    failure("run", "--to", "keras", "-o", "x.onnx"),
    failure("run", "--to", "onnx", "-o", "x.safetensors"),
    failure("run", "--to", "onnx", "-o", "run"),
    failure("run", "--to", "safetensors", "-o", "run/model.safetensors"),
    failure("run", "--to", "safetensors", "-o", "x.safetensors", "--opset", "17"),
    failure("run", "--to", "tfjs", "-o", "tfjs", "--opset", "17"),
    failure("run", "--to", "safetensors", "-o", "x.safetensors", "--no-verify"),
    failure("run", "--to", "onnx", "-o", "x.onnx", "--channels", "last"),
    failure("run", "--to", "tfjs", "-o", "other.json"),
    failure("run", "--to", "tfjs", "-o", "net.mjs", "--no-verify"),
    failure("odd.safetensors", "--to", "tfjs", "-o", "tfjs", "--model", "./net.mjs"),
    failure("run", "--to", "onnx", "-o", "x.onnx", "--opset", "30"),
    failure("run", "--to", "onnx", "-o", "x.onnx", "--tolerance", "0"),
    failure("nowhere", "--to", "onnx", "-o", "x.onnx"),
    failure("shapeless.safetensors", "--to", "onnx", "-o", "x.onnx"),
    failure("odd.safetensors", "--to", "onnx", "-o", "x.onnx", "--model", "./net.mjs"),
    failure("odd.safetensors", "--to", "safetensors", "-o", "x.safetensors", "--fold", "--model", "./net.mjs"),
  ]).toMatchInlineSnapshot(`
    [
      "2: error: required option '--to <format>' not specified",
      "2: error: required option '-o, --output <path>' not specified",
      "1: evenkeel: --to: expected onnx or tfjs or safetensors, got keras. Pass one of them.",
      "1: evenkeel: --output: expected a file whose name ends in .onnx, got x.safetensors. Name it so, or choose another --to.",
      "1: evenkeel: --output: expected a file whose name ends in .onnx, got run. Name it so, or choose another --to.",
      "1: evenkeel: run/model.safetensors: expected another place than the model's own, got run/model.safetensors. Name another file or folder.",
      "1: evenkeel: --opset: expected --to onnx, got --to safetensors. Leave it out.",
      "1: evenkeel: --opset: expected --to onnx, got --to tfjs. Leave it out.",
      "1: evenkeel: --no-verify: expected --to onnx or --to tfjs, got --to safetensors. Leave it out.",
      "1: evenkeel: --channels: expected --to tfjs, got --to onnx. Leave it out.",
      "1: evenkeel: other.json: expected a folder, or model.json in one, got another file. Name a folder, which gets model.json and its weights.",
      "1: evenkeel: net.mjs: expected a folder, or model.json in one, got another file. Name a folder, which gets model.json and its weights.",
      "1: evenkeel: trace(Odd), dataSync(): expected a network whose steps do not depend on values, got a look at the values of sum, shape scalar. Compute with tensors instead of numbers, or put that part into a customOp or after the network.",
      "1: evenkeel: --opset: expected a whole number from 13 to 21, got 30. Leave it out, unless what runs the model needs another.",
      "1: evenkeel: verifyOnnxExport(bytes, model): expected onnxruntime to give what the network gives, to a relative difference of 0, got DIFFERENCE. Do not use the file; raise the tolerance if that is acceptable.",
      "1: evenkeel: loadRun(nowhere): expected the folder of a run or a .safetensors file, got no such file or folder. Check the name.",
      "1: evenkeel: the model's metadata: expected inputShape, the shape of one input, got none. Save it with one: saveModel(model, { inputShape, preprocessing, classes }).",
      "1: evenkeel: trace(Odd), dataSync(): expected a network whose steps do not depend on values, got a look at the values of sum, shape scalar. Compute with tensors instead of numbers, or put that part into a customOp or after the network.",
      "1: evenkeel: evenkeel export odd.safetensors: expected a network of Evenkeel's own layers, each in one place, got one with classes of its own, which would be built with its norms again. Leave --fold out, or fold it in code, where it is built: foldBatchNorm(model).",
    ]
  `);
  expect(readdirSync(folder)).toEqual(before);
  expect(existsSync(join(folder, "x.onnx"))).toBe(false);
});

test("export writes a TF.js model, verified where TF.js is installed, and says where it is not", async () => {
  const without = evenkeel("export", "run", "--to", "tfjs", "-o", "without", "--fold");
  expect([without.code, without.stderr]).toEqual([0, ""]);
  expect(without.stdout.replace(/\d+ bytes/, "BYTES")).toMatchInlineSnapshot(`
    "3 not folded: before it stands ReLU(); behind it stands ReLU()
    1 folded, 1 left
    not verified in TF.js
    wrote without/model.json, BYTES with its weights
    "
  `);
  const { norms } = inspectTfjs(readTfjs(join(folder, "without")));
  expect(norms.map(({ place }) => place)).toEqual(["2"]);
  expect(evenkeel("inspect", "without/model.json").stdout).toContain("written by evenkeel");
});

test.skipIf(!hasPeers)("where TF.js is installed, export and fold run models in it", () => {
  const project = installWithPeers(join(folder, "project"));
  cpSync(join(folder, "run"), join(project, "run"), { recursive: true });
  const command = (...args: string[]) => {
    const main = join(project, "node_modules/evenkeel/dist/cli/main.js");
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { cwd: project, encoding: "utf8" });
    expect(stderr.replaceAll(/^(?:=+|Hi, looks like|$).*\n?/gm, "")).toBe("");
    expect(status).toBe(0);
    return stdout
      .replaceAll(/(cpu: |TF\.js: |relative )\S+?(?=,| \()/g, "$1DIFFERENCE")
      .replaceAll(/\d+ bytes/g, "BYTES")
      .replace(/BYTES(.*)for \d+/, "BYTES$1for BYTES");
  };
  expect(command("export", "run", "--to", "tfjs", "-o", "web/model.json")).toMatchInlineSnapshot(`
    "largest difference in TF.js: DIFFERENCE, relative DIFFERENCE (at most 0.0001 passes; 4 random samples)
    wrote web/model.json, BYTES with its weights
    "
  `);
  const values = Float32Array.from({ length: 20 * 16 }, (_, k) => Math.sin(k));
  writeFileSync(join(project, "x.npy"), npyBytes("<f4", [20, 4, 4, 1], values));
  expect(command("fold", "web/model.json", "--dry-run", "--data", "x.npy")).toMatchInlineSnapshot(`
    "1  into Conv2D 0
    3  left: ReLU 2 stands before it; ReLU 4 stands after it
    1 folded, 1 left
    largest difference in TF.js on cpu: DIFFERENCE, relative DIFFERENCE (at most 0.0001 passes; 2 runs on the data, input 16×4×4×1)
    "
  `);
  expect(command("fold", "web/model.json", "-o", "folded")).toMatchInlineSnapshot(`
    "1  into Conv2D 0
    3  left: ReLU 2 stands before it; ReLU 4 stands after it
    1 folded, 1 left
    largest difference in TF.js on cpu: DIFFERENCE, relative DIFFERENCE (at most 0.0001 passes; 1 run on noise, input 2×4×4×1)
    wrote folded/model.json, BYTES with its weights for BYTES
    "
  `);
});
