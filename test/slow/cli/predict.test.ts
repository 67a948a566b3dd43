import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  describeModel,
  Flatten,
  Linear,
  loadModel,
  onWarning,
  predict,
  Sequential,
  saveModel,
  setBackend,
  softmax,
  type Tensor,
  tensor,
} from "evenkeel";
import { loadImages } from "evenkeel/node";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evenkeelIn } from "../../support/command.js";
import { temporaryFolder, writeSmallImages } from "../../support/idx-files.js";
import { installEvenkeel } from "../../support/own-package.js";

let folder = "";
const evenkeel = (...args: string[]) => evenkeelIn(folder, ...args);

const training = ["--epochs", "4", "--batch-size", "16", "--seed", "5", "--norm-momentum", "0.8"];

const ownNetwork = `
  import { Flatten, Linear, BatchNorm, Module, relu } from "evenkeel";
  class Net extends Module {
    constructor(inputs, classes) {
      super();
      this.flatten = new Flatten();
      this.hidden = new Linear(inputs, 16, { bias: false });
      this.norm = new BatchNorm(16, { momentum: 0.8 });
      this.out = new Linear(16, classes);
    }
    forward(x) {
      return this.out.forward(relu(this.norm.forward(this.hidden.forward(this.flatten.forward(x)))));
    }
  }
  export default ({ inputShape: [channels, height, width], classes }) => new Net(channels * height * width, classes);
`;

/** The same with a branch on values, which no graph can hold. */
const branchingNetwork = ownNetwork.replace("forward(x) {", "forward(x) { if (x.sum().item() === Infinity) return x;");

/** An 8×8 image as those trained on: row 2·label + 1 is bright. */
async function writeImage(name: string, label: number, size = 8): Promise<void> {
  const pixels = Uint8Array.from({ length: 64 }, (_, k) => (Math.floor(k / 8) === 2 * label + 1 ? 200 : 50));
  const image = sharp(pixels, { raw: { width: 8, height: 8, channels: 1 } });
  writeFileSync(join(folder, name), await image.resize(size, size, { kernel: "nearest" }).png().toBuffer());
}

beforeAll(async () => {
  setBackend("wasm");
  folder = temporaryFolder();
  writeSmallImages(join(folder, "data"));
  installEvenkeel(folder, "link");
  writeFileSync(join(folder, "net.mjs"), ownNetwork);
  writeFileSync(join(folder, "branching.mjs"), branchingNetwork);
  for (const label of [0, 1, 2]) await writeImage(`${label}.png`, label);
  await writeImage("large.png", 2, 64);
  for (const [model, out] of [
    ["cnn", "run"],
    ["./net.mjs", "own"],
  ]) {
    const { code, stderr } = evenkeel("train", "--data", "data", "--model", model, ...training, "--out", out);
    expect(stderr).toBe("");
    expect(code).toBe(0);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("evenkeel predict", () => {
  test("names the class of each image with its probability, whatever the image's size", () => {
    const { code, stdout, stderr } = evenkeel("predict", "run", "0.png", "1.png", "2.png", "large.png");
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout.replaceAll(/0\.\d{4}|1\.0000/g, "P")).toBe("0.png: 0 P\n1.png: 1 P\n2.png: 2 P\nlarge.png: 2 P\n");
  });

  test("a folder stands for the images in it, by name; what is hidden or no image is left out", () => {
    mkdirSync(join(folder, "shown/deep"), { recursive: true });
    for (const [from, to] of [
      ["2.png", "shown/b.PNG"],
      ["0.png", "shown/a.png"],
      ["1.png", "shown/deep/c.png"],
      ["1.png", "shown/.hidden.png"],
      ["net.mjs", "shown/notes.txt"],
    ])
      copyFileSync(join(folder, from), join(folder, to));
    const { code, stdout, stderr } = evenkeel("predict", "run", "shown", "1.png");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.replaceAll(/0\.\d{4}|1\.0000/g, "P")).toBe(
      "shown/a.png: 0 P\nshown/b.PNG: 2 P\nshown/deep/c.png: 1 P\n1.png: 1 P\n",
    );
    mkdirSync(join(folder, "bare-folder"), { recursive: true });
    expect(evenkeel("predict", "run", "bare-folder").stderr).toMatchInlineSnapshot(`
      "evenkeel: predict bare-folder: expected a folder of PNG or JPEG images, got none in it. Pass the folder of the images, or the files themselves.
      "
    `);
  });

  test("--json and --top give the likeliest classes, as the library computes them", async () => {
    const { stdout } = evenkeel(
      "predict",
      "run/model.safetensors",
      "1.png",
      "2.png",
      "--top",
      "2",
      "--json",
      "--batch-size",
      "1",
    );
    const answers = JSON.parse(stdout);
    const { model, meta } = loadModel(readFileSync(join(folder, "run/model.safetensors")));
    const { values, shape } = await loadImages(meta, [join(folder, "1.png"), join(folder, "2.png")]);
    const probabilities = softmax(await predict(model, tensor(values, shape)), 1).dataSync();
    for (const [row, label] of [1, 2].entries()) {
      const { file, classes } = answers[row];
      expect(file).toBe(`${label}.png`);
      expect(classes.length).toBe(2);
      expect(classes[0]).toEqual({ class: String(label), probability: probabilities[3 * row + label] });
      expect(classes[0].probability).toBeGreaterThan(classes[1].probability);
    }
  });

  test("a network of one's own is kept as its graph, and needs neither its class nor the module that made it", () => {
    const bytes = readFileSync(join(folder, "own/model.safetensors"));
    const { meta, hasArchitecture } = describeModel(bytes);
    expect(hasArchitecture).toBe(true);
    expect(meta.network).toEqual({
      from: "../net.mjs",
      options: { inputShape: [1, 8, 8], classes: 3, norm: "batch", normMomentum: 0.8 },
    });
    mkdirSync(join(folder, "elsewhere/deep"), { recursive: true });
    copyFileSync(join(folder, "own/model.safetensors"), join(folder, "elsewhere/deep/model.safetensors"));
    const lines = ["own", "elsewhere/deep"].flatMap((run) => [
      evenkeel("predict", run, "1.png"),
      evenkeel("predict", run, "1.png", "--model", "./net.mjs"),
    ]);
    expect(lines[0]).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^1\.png: 1 0\.\d{4}\n$/) });
    for (const line of lines) expect(line).toEqual(lines[0]);
  });

  test("one that cannot be traced is built again by the module that is named, never by the one that the run remembers", () => {
    const { code, stderr } = evenkeel(
      "train",
      "--data",
      "data",
      "--model",
      "./branching.mjs",
      ...training,
      "--out",
      "bare",
    );
    expect([code, stderr]).toMatchInlineSnapshot(`
      [
        0,
        "evenkeel: warning: saveModel(Net): the file holds parameters alone, and loads into a network of the same classes. trace(Net), dataSync(): expected a network whose steps do not depend on values, got a look at the values of sum, shape scalar. Compute with tensors instead of numbers, or put that part into a customOp or after the network.
      ",
      ]
    `);
    expect(evenkeel("predict", "bare", "1.png").stderr).toMatchInlineSnapshot(`
      "evenkeel: loadRun(bare): expected a model saved with its architecture, got only the name of its module, "../branching.mjs". Name the module that builds it, if you trust it, as in --model ./net.js.
      "
    `);
    expect(evenkeel("predict", "bare", "1.png", "--model", "branching.mjs").stdout).toMatch(/^1\.png: 1 /);
  });

  test("one with custom ops is kept as its graph, and needs the module for their functions", () => {
    writeFileSync(
      join(folder, "custom.mjs"),
      ownNetwork
        .replace("BatchNorm,", "BatchNorm, customOp,")
        .replace("relu(", "twice(")
        .replace(
          "class",
          'const twice = customOp({ name: "twice", forward: (x) => x.mul(2), backward: (dy) => [dy.mul(2)] });\n  class',
        ),
    );
    const trained = evenkeel("train", "--data", "data", "--model", "./custom.mjs", ...training, "--out", "custom");
    expect(trained).toMatchObject({ code: 0, stderr: "" });
    expect(evenkeel("predict", "custom", "1.png").stderr).toMatchInlineSnapshot(`
      "evenkeel: loadRun(custom): expected the functions of its custom ops ["twice"], which no file holds, got only the name of its module, "../custom.mjs". Name the module that builds it, if you trust it, as in --model ./net.js.
      "
    `);
    const named = evenkeel("predict", "custom", "1.png", "--model", "custom.mjs");
    expect(named).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^1\.png: \d /) });
  });

  test("a regression gives numbers", () => {
    const model = new Sequential(new Flatten(), new Linear(64, 2));
    // The mean of all pixels, and minus its double plus one.
    const weight = tensor(
      Float32Array.from({ length: 128 }, (_, k) => (k < 64 ? 1 : -2) / 64),
      [2, 64],
    );
    model.loadStateDict({ "1.weight": weight, "1.bias": tensor([0, 1]) });
    const meta = { task: "regression", inputShape: [1, 8, 8] } as const;
    writeFileSync(join(folder, "regression.safetensors"), saveModel(model, meta));
    // One row of 200 and seven of 50.
    expect(evenkeel("predict", "regression.safetensors", "1.png").stdout).toBe("1.png: 68.7500, -136.500\n");
    const { stdout } = evenkeel("predict", "regression.safetensors", "1.png", "--json");
    expect(JSON.parse(stdout)).toEqual([{ file: "1.png", outputs: [68.75, -136.5] }]);
  });

  test("answers each mistake in one clear line and exits 1", () => {
    mkdirSync(join(folder, "empty"), { recursive: true });
    mkdirSync(join(folder, "unfinished"));
    writeFileSync(join(folder, "unfinished/checkpoint.safetensors"), "");
    writeFileSync(join(folder, "text.png"), "text");
    const bytes = readFileSync(join(folder, "run/model.safetensors"));
    writeFileSync(join(folder, "short.safetensors"), bytes.subarray(0, bytes.length - 100));
    writeFileSync(join(folder, "bare.safetensors"), saveModel(new Linear(2, 2)));
    writeFileSync(join(folder, "flat.safetensors"), saveModel(new Linear(2, 2), { inputShape: [2] }));
    const { meta } = describeModel(readFileSync(join(folder, "own/model.safetensors")));
    const { model } = loadModel(bytes);
    const outside = { ...meta, network: { from: "../../outside.mjs", options: meta.network?.options } };
    mkdirSync(join(folder, "stranger"), { recursive: true });
    onWarning(() => {});
    // A branch on values, so that the file cannot hold the graph.
    class Own extends Sequential {
      override forward(x: Tensor): Tensor {
        return x.sum().item() === Number.POSITIVE_INFINITY ? x : super.forward(x);
      }
    }
    const strange = saveModel(new Own(...(model as Sequential).layers), outside as typeof meta);
    writeFileSync(join(folder, "stranger/model.safetensors"), strange);
    writeFileSync(join(folder, "stranger/no-record.safetensors"), saveModel(new Own(new Linear(1, 1)), {}));
    writeFileSync(join(folder, "broken.mjs"), "export default (");
    mkdirSync(join(folder, "other-project"), { recursive: true });
    installEvenkeel(join(folder, "other-project"), "copy");
    writeFileSync(join(folder, "other-project/net.mjs"), ownNetwork);
    writeFileSync(
      join(folder, "other-project/class.mjs"),
      'import { ReLU } from "evenkeel"; export default class extends ReLU {}',
    );
    const mistakes = [
      ["nowhere", "1.png"],
      ["empty", "1.png"],
      ["unfinished", "1.png"],
      ["run", "nowhere.png"],
      ["run", "1.png", "text.png"],
      ["text.png", "1.png"],
      ["short.safetensors", "1.png"],
      ["bare.safetensors", "1.png"],
      ["flat.safetensors", "1.png"],
      ["stranger", "1.png"],
      ["stranger/no-record.safetensors", "1.png"],
      ["stranger/no-record.safetensors", "1.png", "--model", "net.mjs"],
      ["own", "1.png", "--model", "mlp"],
      ["own", "1.png", "--model", "nowhere.mjs"],
      ["own", "1.png", "--model", "broken.mjs"],
      ["own", "1.png", "--model", "other-project/net.mjs"],
      ["own", "1.png", "--model", "other-project/class.mjs"],
      ["run", "1.png", "--top", "0"],
      ["run", "1.png", "--batch-size", "many"],
    ];
    const answers = mistakes.map((args) => {
      const { code, stdout, stderr } = evenkeel("predict", ...args);
      expect(code, stderr).toBe(1);
      expect(stdout).toBe("");
      return stderr.trim();
    });
    expect(answers).toMatchInlineSnapshot(`
      [
        "evenkeel: loadRun(nowhere): expected the folder of a run or a .safetensors file, got no such file or folder. Check the name.",
        "evenkeel: loadRun(empty): expected model.safetensors in the folder, got none. Train first: a finished run writes it there.",
        "evenkeel: loadRun(unfinished): expected model.safetensors in the folder, got the checkpoint of an unfinished run. Resume the run: a finished run writes it there.",
        "evenkeel: readImage(nowhere.png): expected a file that can be read, got ENOENT: no such file or directory, open 'nowhere.png'. Check the path and its permissions.",
        "evenkeel: readImage(text.png): expected a whole PNG or JPEG image of at most 67108864 pixels, got a file that begins with the bytes 74 65 78 74. Replace or remove the file.",
        "evenkeel: loadRun(text.png): expected at least 8 bytes, got 4. Check that the file is a complete .safetensors file.",
        "evenkeel: loadRun(short.safetensors): expected 88920 bytes of values, got 88820. Check that the file is a complete .safetensors file.",
        "evenkeel: the model's metadata: expected inputShape, the shape of one input, got none. Save it with one: saveModel(model, { inputShape, preprocessing, classes }).",
        "evenkeel: loadImages(1.png): expected inputs of shape 2, which the model was trained on, got an image. Pass inputs of that shape.",
        "evenkeel: loadRun(stranger): expected a model saved with its architecture, got only the name of its module, "../../outside.mjs". Name the module that builds it, if you trust it, as in --model ./net.js.",
        "evenkeel: loadRun(stranger/no-record.safetensors): expected a model saved with its architecture, got none. Name the module that builds it, if you trust it, as in --model ./net.js.",
        "evenkeel: loadRun(stranger/no-record.safetensors): expected the network's inputShape and classes in the file's metadata, got none. Load it in code: loadModel(bytes, network).",
        "evenkeel: loadRun(own): expected the entries and shapes of this module's own stateDict(), got missing 1.weight, 2.weight, 2.bias, 2.running_mean, 2.running_var, 4.weight, 5.weight, 5.bias, 5.running_mean, 5.running_var, 7.weight, 7.bias; unexpected hidden.weight, norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.num_batches_tracked, out.weight, out.bias. Load it into the module it was saved from, or pass { strict: false } to load what fits.",
        "evenkeel: loadNetwork(nowhere.mjs): expected mlp, cnn, resnet, resnet18, resnet34, resnet50, mobilenetV2, mobilenetV3Small, efficientnetB0, densenet121, convnextTiny, vitTiny, nfnet, or the file of a module such as ./net.js, got no such file. Name one of them.",
        "evenkeel: loadNetwork(broken.mjs): expected a module that loads, got Unexpected end of input. Correct the module.",
        "evenkeel: loadNetwork(other-project/net.mjs): expected a Module of this copy of evenkeel, got one of another copy. Run the one that the module imports: npx evenkeel in its project.",
        "evenkeel: loadNetwork(other-project/class.mjs): expected a Module of this copy of evenkeel, got one of another copy. Run the one that the module imports: npx evenkeel in its project.",
        "evenkeel: --top: expected a whole number of at least 1, got 0. Pass a whole number.",
        "evenkeel: --batch-size: expected a whole number of at least 1, got many. Pass a whole number.",
      ]
    `);
  });

  test("a command line that cannot be understood exits 2", () => {
    for (const args of [[], ["run"], ["run", "1.png", "--typo"]]) {
      const { code, stderr } = evenkeel("predict", ...args);
      expect(code, stderr).toBe(2);
      expect(stderr).toMatch(/^error: /);
    }
    expect(evenkeel("predict", "--help").stdout).toContain("--top");
  });
});
