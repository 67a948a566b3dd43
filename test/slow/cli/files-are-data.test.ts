import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Linear, Module, onWarning, saveModel, type Tensor } from "evenkeel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evenkeelIn } from "../../support/command.js";
import { temporaryFolder, writeSmallImages } from "../../support/idx-files.js";
import { installEvenkeel } from "../../support/own-package.js";
import { start } from "../../support/runs.js";

let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);
const evenkeel = (line: string) => evenkeelIn(folder, ...line.split(" "));

/** A network of one's own whose module leaves a trace when it runs. */
const module = `import { writeFileSync } from "node:fs";
import { BatchNorm, Flatten, Linear, Module, Sequential } from "evenkeel";
writeFileSync(new URL("./RAN", import.meta.url), "");
class Own extends Module {
  constructor(size, classes) {
    super();
    this.body = new Sequential(new Flatten(), new Linear(size, 6), new BatchNorm(6), new Linear(6, classes));
  }
  forward(x) { return this.body.forward(x); }
}
export default ({ inputShape, classes }) => new Own(inputShape.reduce((a, b) => a * b, 1), classes);
`;

beforeAll(() => {
  folder = temporaryFolder();
  installEvenkeel(folder, "link");
  writeSmallImages(at("data"));
  writeFileSync(at("net.mjs"), module);
  writeFileSync(
    at("rows.csv"),
    `a,b,y\n${Array.from({ length: 60 }, (_, k) => `${k},${(k * k) % 17},${k % 2 ? "u" : "v"}`).join("\n")}\n`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function ranSince(action: () => void): boolean {
  rmSync(at("RAN"), { force: true });
  action();
  return existsSync(at("RAN"));
}

describe("a file never chooses which code runs", () => {
  test("every command that opens a model leaves the module alone that the file names, and asks for it", () => {
    // A branch on values, so that the file cannot hold the graph.
    class Own extends Module {
      readonly layer = new Linear(3, 2);
      override forward(x: Tensor): Tensor {
        return x.sum().item() === 0 ? x : this.layer.forward(x);
      }
    }
    onWarning(() => {});
    const network = { from: "net.mjs", options: { inputShape: [3], classes: 2 } };
    writeFileSync(at("model.safetensors"), saveModel(new Own(), { inputShape: [3], classes: ["u", "v"], network }));
    const commands = [
      "inspect model.safetensors",
      "evaluate model.safetensors --data rows.csv",
      "predict model.safetensors rows.csv",
      "doctor model.safetensors --data rows.csv",
      "fold model.safetensors -o folded.safetensors",
      "recalibrate model.safetensors --data rows.csv -o renewed.safetensors",
      "export model.safetensors --to onnx -o model.onnx",
      "export model.safetensors --to tfjs -o web",
      "export model.safetensors --to safetensors -o state.safetensors",
    ];
    for (const command of commands) {
      let said = "";
      const ran = ranSince(() => {
        const { code, stderr } = evenkeel(command);
        said = `${code}: ${stderr}`;
      });
      expect([command, ran]).toEqual([command, false]);
      expect(said).toBe(
        "1: evenkeel: loadRun(model.safetensors): expected a model saved with its architecture, got only the name of its module, " +
          '"net.mjs". Name the module that builds it, if you trust it, as in --model ./net.js.\n',
      );
    }
  });

  test("a run with a module of one's own goes on only where that is named again, as it was", async () => {
    const flags = "train --data data --model ./net.mjs --epochs 1000 --seed 1 --no-report --checkpoint-every 1";
    const run = start(folder, [...flags.split(" "), "--out", "own"]);
    await run.says("epoch 1/");
    run.child.kill("SIGINT");
    const { stderr } = await run.ended;
    expect(stderr).toMatch(/Go on with: evenkeel train --resume --out own --model \.\/net\.mjs\n$/);
    writeFileSync(at("other.mjs"), module);
    const answers: unknown[] = [];
    const ran = ranSince(() => {
      answers.push(
        evenkeel("train --resume --out own").stderr,
        evenkeel("train --resume --out own --model mlp").stderr,
      );
      answers.push(evenkeel("train --resume --out own --model other.mjs").stderr);
    });
    expect(ran).toBe(false);
    expect(answers).toMatchInlineSnapshot(`
      [
        "evenkeel: evenkeel train --resume --out own: expected --model again: a file must not choose which code runs, got none. If you trust what the run names: evenkeel train --resume --out own --model ./net.mjs.
      ",
        "evenkeel: evenkeel train --resume --out own: expected the flags with which the run began, got --model "mlp" (was "./net.mjs"). Leave them out, or begin another run in another --out. (--threads, --backend, --checkpoint-every and the place of --data may change; --epochs with --schedule constant only, since the others plan for its end.)
      ",
        "evenkeel: evenkeel train --resume --out own: expected the flags with which the run began, got --model "other.mjs" (was "./net.mjs"). Leave them out, or begin another run in another --out. (--threads, --backend, --checkpoint-every and the place of --data may change; --epochs with --schedule constant only, since the others plan for its end.)
      ",
      ]
    `);
    const named = start(folder, "train --resume --out own --model net.mjs --checkpoint-every 1".split(" "));
    await named.says("resuming in epoch");
    named.child.kill("SIGKILL");
    await named.ended;
  });
});

describe("a run's folder", () => {
  const train = (out: string, ...more: string[]) =>
    evenkeelIn(folder, ..."train --data rows.csv --norm layer --epochs 1 --seed 1".split(" "), "--out", out, ...more);

  test("keeps files that no run wrote, whatever they are called", () => {
    mkdirSync(at("mine"));
    const own = ["film.2.part", "backup.zip.001.part", `model.safetensors.${process.pid}.part`, "notes.txt"];
    for (const name of [...own, "report.html", "history.jsonl"]) writeFileSync(at("mine", name), "mine");
    expect(train("mine", "--no-report").stderr).toBe("");
    for (const name of [...own, "report.html", "history.jsonl"])
      expect(readFileSync(at("mine", name), "utf8")).toBe("mine");
    expect(
      readdirSync(at("mine"))
        .filter((name) => !own.includes(name))
        .sort(),
    ).toEqual(["history.jsonl", "metrics.jsonl", "model.safetensors", "report.html"]);
  });

  test("is refused where a file of that name is somebody else's", () => {
    const names = ["model.safetensors", "checkpoint.safetensors", "metrics.jsonl", "report.html", "run.lock"];
    const answers = names.map((name) => {
      mkdirSync(at(`foreign-${name}`));
      writeFileSync(at(`foreign-${name}`, name), "mine");
      const { code, stderr } = train(`foreign-${name}`);
      expect(code).toBe(1);
      expect(readdirSync(at(`foreign-${name}`))).toEqual([name]);
      expect(readFileSync(at(`foreign-${name}`, name), "utf8")).toBe("mine");
      return stderr.trim();
    });
    expect(answers).toMatchInlineSnapshot(`
      [
        "evenkeel: foreign-model.safetensors/model.safetensors: expected no file, or one that Evenkeel wrote, got a file of somebody else. Move it, or choose another --out.",
        "evenkeel: foreign-checkpoint.safetensors/checkpoint.safetensors: expected no file, or one that Evenkeel wrote, got a file of somebody else. Move it, or choose another --out.",
        "evenkeel: foreign-metrics.jsonl/metrics.jsonl: expected no file, or one that Evenkeel wrote, got a file of somebody else. Move it, or choose another --out.",
        "evenkeel: foreign-report.html/report.html: expected no file, or one that Evenkeel wrote, got a file of somebody else. Move it, or choose another --out.",
        "evenkeel: foreign-run.lock/run.lock: expected a lock, got a file of somebody else. Move it, or choose another folder.",
      ]
    `);
    expect(evenkeel("recalibrate foreign-report.html --data rows.csv -o x").code).toBe(1);
  });

  test("that is moved while a run writes there ends it at once, and the run goes on where it lies", async () => {
    const run = start(
      folder,
      "train --data rows.csv --epochs 100000 --schedule constant --seed 1 --checkpoint-every 2 --out here".split(" "),
    );
    while (!existsSync(at("here/checkpoint.safetensors"))) await new Promise((done) => setTimeout(done, 20));
    renameSync(at("here"), at("there"));
    const { code, stderr } = await run.ended;
    expect([code, stderr]).toMatchInlineSnapshot(`
      [
        1,
        "evenkeel: here: expected the folder in which this run began, got none: it was moved or removed. Go on where it lies now: evenkeel train --resume --out FOLDER.
      ",
      ]
    `);
    expect(existsSync(at("here"))).toBe(false);
    const resumed = evenkeel("train --resume --out there --epochs 1");
    expect([resumed.code, existsSync(at("there/model.safetensors"))]).toEqual([0, true]);
  });

  test("has its model also where the report cannot be made", async () => {
    const run = start(
      folder,
      "train --data rows.csv --norm layer --epochs 100000 --schedule constant --seed 1 --out damaged".split(" "),
    );
    await run.says("epoch 2/");
    run.child.kill("SIGINT");
    await run.ended;
    const history = at("damaged/history.jsonl");
    const text = readFileSync(history, "utf8");
    writeFileSync(history, text.replace('"kind"', '"kin"d'));
    const { code, stderr } = evenkeel("train --resume --out damaged --epochs 1");
    expect([code, stderr.replace(/"loss":[\d.]+/, '"loss":L')]).toMatchInlineSnapshot(`
      [
        0,
        "evenkeel: warning: report.html is not written. damaged/history.jsonl, line 1: expected what the run wrote there, got {"kin"d:"step","step":0,"loss":L,. The model is whole; train without the report, or anew, to have one.
      ",
      ]
    `);
    expect(readdirSync(at("damaged")).sort()).toEqual(["history.jsonl", "metrics.jsonl", "model.safetensors"]);
  });

  test("that holds a link in place of its lines does not lead a run elsewhere", async () => {
    const run = start(folder, "train --data rows.csv --epochs 100000 --seed 1 --no-report --out linked".split(" "));
    await run.says("epoch 2/");
    run.child.kill("SIGINT");
    await run.ended;
    renameSync(at("linked/metrics.jsonl"), at("elsewhere.jsonl"));
    symlinkSync(at("elsewhere.jsonl"), at("linked/metrics.jsonl"));
    const before = readFileSync(at("elsewhere.jsonl"), "utf8");
    expect(evenkeel("train --resume --out linked").stderr).toMatchInlineSnapshot(`
      "evenkeel: linked/metrics.jsonl: expected a file of the run, got a link. Put the file itself in its place.
      "
    `);
    expect(readFileSync(at("elsewhere.jsonl"), "utf8")).toBe(before);
  });

  test("locked by another machine is free again where its sign of life is far in the future", () => {
    mkdirSync(at("future"));
    const holder = { pid: 1, host: "elsewhere", place: "another machine", started: "1" };
    const lock = at("future/run.lock");
    writeFileSync(lock, JSON.stringify(holder));
    expect(train("future").stderr).toContain("got process 1 on elsewhere. Wait for it");
    const future = new Date(Date.now() + 1e9);
    utimesSync(lock, future, future);
    const { code, stderr } = train("future", "--no-report");
    expect([code, stderr]).toEqual([0, "evenkeel: warning: future: the last run here ended without releasing it\n"]);
    expect(existsSync(lock)).toBe(false);
  });
});
