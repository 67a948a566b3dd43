import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  BatchNorm,
  Conv2d,
  Flatten,
  Linear,
  loadModel,
  Module,
  noGrad,
  ReLU,
  relu,
  Sequential,
  saveModel,
  setBackend,
  type Tensor,
  tensor,
  zeros,
} from "evenkeel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectClose } from "../support/close.js";
import { evenkeelIn } from "../support/command.js";
import { allowFreshStatistics } from "../support/fresh-statistics.js";
import { temporaryFolder } from "../support/idx-files.js";
import { installEvenkeel } from "../support/own-package.js";
import { normal } from "../support/seeded.js";

let folder = "";
const evenkeel = (...args: string[]) => evenkeelIn(folder, ...args);
const meta = { inputShape: [1, 4, 4], classes: ["a", "b"] };

beforeAll(() => {
  setBackend("wasm");
  folder = temporaryFolder();
  const model = new Sequential(
    ...[new Conv2d(1, 3, 3), new BatchNorm(3), new ReLU(), new BatchNorm(3), new ReLU(), new Flatten()],
    ...[new Linear(12, 2)],
  );
  noGrad(() => model.forward(normal([8, 1, 4, 4], 1)));
  mkdirSync(join(folder, "run"));
  writeFileSync(join(folder, "run/model.safetensors"), saveModel(model, meta));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("evenkeel fold", () => {
  test("writes a model that predicts the same, and says what has gone", () => {
    const { code, stdout, stderr } = evenkeel("fold", "run", "-o", "folded");
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout.replace(/at most \S+/, "at most DIFFERENCE")).toMatchInlineSnapshot(`
      "1  into 0
      3  left: before it stands ReLU(); behind it stands ReLU()
      1 folded, 1 left; outputs for noise differ by at most DIFFERENCE
      wrote folded/model.safetensors
      "
    `);
    const before = loadModel(readFileSync(join(folder, "run/model.safetensors")));
    const after = loadModel(readFileSync(join(folder, "folded/model.safetensors")));
    expect(after.meta).toEqual(meta);
    const x = normal([2, 1, 4, 4], 2);
    const run = ({ model }: { model: Module }): Float32Array => noGrad(() => model.eval().forward(x).dataSync());
    expectClose(run(after), run(before), 1e-5);
  });

  test("--prune takes out dead channels too, and says which", () => {
    const model = new Sequential(new Conv2d(1, 4, 3), new BatchNorm(4), new ReLU(), new Flatten(), new Linear(16, 2));
    const weight = tensor([1, 0, 1, 0]);
    model.loadStateDict({ "1.weight": weight, "1.running_mean": tensor([0.1, 0, 0, 0]) }, { strict: false });
    mkdirSync(join(folder, "dead"));
    writeFileSync(join(folder, "dead/model.safetensors"), saveModel(model, meta));
    const { code, stdout, stderr } = evenkeel("fold", "dead", "-o", "pruned", "--prune");
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout.replace(/at most \S+/, "at most DIFFERENCE")).toMatchInlineSnapshot(`
      "0  without channels 1, 3: 2 of 4
      1  without channels 1, 3: 2 of 4
      42 parameters for 82
      1  into 0
      1 folded, 0 left; outputs for noise differ by at most DIFFERENCE
      wrote pruned/model.safetensors
      "
    `);
    expect(String(loadModel(readFileSync(join(folder, "pruned/model.safetensors"))).model)).toMatchInlineSnapshot(
      `"Sequential(Conv2d(1, 2, 3), ReLU(), Flatten(), Linear(8, 2))"`,
    );
    const refused = evenkeel("fold", "model.onnx", "--dry-run", "--prune");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatchInlineSnapshot(`
      "evenkeel: --prune: expected a run's folder or a .safetensors file, got model.onnx. Import it in code (importOnnx, importTfjs, importKeras), call pruneDeadChannels, and export what that gives.
      "
    `);
  });

  test("--dry-run writes nothing; --json is for programs", () => {
    const { code, stdout } = evenkeel("fold", "run", "--dry-run", "--json", "-o", "nowhere");
    expect(code).toBe(0);
    const { maxDifference, ...rest } = JSON.parse(stdout);
    expect(maxDifference).toBeLessThan(1e-5);
    expect(rest).toMatchInlineSnapshot(`
      {
        "folded": [
          {
            "into": "0",
            "norm": "1",
          },
        ],
        "left": [
          {
            "norm": "3",
            "reason": "before it stands ReLU(); behind it stands ReLU()",
          },
        ],
        "model": "run/model.safetensors",
        "output": null,
      }
    `);
    expect(existsSync(join(folder, "nowhere"))).toBe(false);
  });

  test.skipIf(process.platform === "win32")("a pipe gets what is written, and stays a pipe", async () => {
    const pipe = join(folder, "pipe.safetensors");
    execFileSync("mkfifo", [pipe]);
    const reader = spawn("cat", [pipe]);
    const chunks: Buffer[] = [];
    reader.stdout.on("data", (chunk) => chunks.push(chunk));
    const ended = new Promise((resolve) => reader.once("close", resolve));
    expect(evenkeel("fold", "run", "-o", "pipe.safetensors").code).toBe(0);
    await ended;
    expect(statSync(pipe).isFIFO()).toBe(true);
    expect(evenkeel("fold", "run", "-o", "file.safetensors").code).toBe(0);
    expect(Buffer.concat(chunks).equals(readFileSync(join(folder, "file.safetensors")))).toBe(true);
  });

  test("folds a network with a forward of its own, which the file holds as a graph", () => {
    class Net extends Module {
      readonly layers = [new Conv2d(1, 2, 3), new BatchNorm(2), new Linear(8, 2), new BatchNorm(2)];
      override forward(x: Tensor): Tensor {
        const [conv, norm, linear, last] = this.layers;
        return last.forward(linear.forward(relu(norm.forward(conv.forward(x))).flatten(1)));
      }
    }
    allowFreshStatistics();
    writeFileSync(join(folder, "own-graph.safetensors"), saveModel(new Net(), meta));
    const { stdout, stderr } = evenkeel("fold", "own-graph.safetensors", "-o", "own-folded");
    expect(stderr).toBe("");
    expect(stdout.replace(/at most \S+/, "at most DIFFERENCE")).toMatchInlineSnapshot(`
      "layers.1  into layers.0
      layers.3  into layers.2
      2 folded, 0 left; outputs for noise differ by at most DIFFERENCE
      wrote own-folded/model.safetensors
      "
    `);
    const x = normal([2, 1, 4, 4], 2);
    const [before, after] = ["own-graph.safetensors", "own-folded/model.safetensors"].map((file) => {
      const { model } = loadModel(readFileSync(join(folder, file)));
      return noGrad(() => model.eval().forward(x).dataSync());
    });
    expectClose(after, before, 1e-5);
  });

  test("mistakes are told in one line, and exit 1; without a place to write to it exits 2", () => {
    installEvenkeel(folder, "link");
    writeFileSync(
      join(folder, "net.mjs"),
      `import { BatchNorm, Flatten, Linear, Module, Sequential } from "evenkeel";
      export default class Net extends Module {
        body = new Sequential(new Flatten(), new Linear(16, 2), new BatchNorm(2));
        forward(x) { return this.body.forward(x); }
      }`,
    );
    class Net extends Module {
      readonly body = new Sequential(new Flatten(), new Linear(16, 2), new BatchNorm(2));
      override forward(x: Tensor): Tensor {
        return this.body.forward(x);
      }
    }
    const probe = zeros([2, 1, 4, 4]);
    const network = { from: "./net.mjs", options: { inputShape: [1, 4, 4], classes: 2 } };
    allowFreshStatistics();
    writeFileSync(join(folder, "own.safetensors"), saveModel(new Net(), { network }, { probe }));
    const mistakes = [
      ["nowhere", "-o", "out"],
      ["run", "-o", "run"],
      ["own.safetensors", "--model", "./net.mjs", "-o", "out"],
      ["run", "--data", "photos", "-o", "out"],
      ["run", "--no-verify", "-o", "out"],
    ];
    const answers = mistakes.map((args) => {
      const { code, stdout, stderr } = evenkeel("fold", ...args);
      expect(code, stderr).toBe(1);
      expect(stdout).toBe("");
      return stderr.trim();
    });
    expect(answers).toMatchInlineSnapshot(`
      [
        "evenkeel: loadRun(nowhere): expected the folder of a run or a .safetensors file, got no such file or folder. Check the name.",
        "evenkeel: run: expected another place than the model's own, got run/model.safetensors. Name another file or folder.",
        "evenkeel: evenkeel fold own.safetensors: expected a network of Evenkeel's own layers, each in one place, or one that can be traced, got one with classes of its own, which would be built with its norms again. Save it with its inputShape, so that it is traced; or fold it in code, where it is built: foldBatchNorm(model, { probe }).",
        "evenkeel: --data: expected an .onnx model or a model.json of TF.js, got run. Leave it out: a run is compared before and after on noise, as its summary says.",
        "evenkeel: --no-verify: expected an .onnx model or a model.json of TF.js, got run. Leave it out: a run is compared before and after on noise, as its summary says.",
      ]
    `);
    expect(existsSync(join(folder, "out"))).toBe(false);
    const { code, stderr } = evenkeel("fold", "run");
    expect([code, stderr]).toMatchInlineSnapshot(`
      [
        2,
        "error: required option '-o, --output <path>' not specified, nor --dry-run
      (evenkeel fold --help lists its flags, with examples)
      ",
      ]
    `);
  });
});
