import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadModel, setBackend } from "evenkeel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evenkeelIn } from "../../support/command.js";
import { temporaryFolder, writeSmallImages } from "../../support/idx-files.js";
import { eventsIn } from "../../support/tensorboard-events.js";

let folder = "";
let images = "";
beforeAll(() => {
  folder = temporaryFolder();
  images = writeSmallImages(join(folder, "images"));
  const rows = Array.from({ length: 90 }, (_, k) => `${k % 7},${(k * k) % 11},${(k % 7) * 2.5 + ((k * k) % 11)}`);
  writeFileSync(join(folder, "numbers.csv"), `a,b,y\n${rows.join("\n")}\n`);
  const classes = Array.from({ length: 120 }, (_, k) => `${k % 7},${(k * k) % 11},${k % 7 > 4 ? "high" : "low"}`);
  writeFileSync(join(folder, "classes.csv"), `a,b,kind\n${classes.join("\n")}\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const evenkeel = (...args: string[]) => evenkeelIn(folder, ...args);

function metricsOf(run: string) {
  const lines = readFileSync(join(folder, run, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line));
}

describe("evenkeel train", () => {
  test("stops early, keeps the best weights, and logs for TensorBoard", () => {
    const { code, stdout, stderr } = evenkeel(
      ..."train --data classes.csv --epochs 40 --batch-size 8 --accumulate 2 --seed 3 --lr 0.03 --out early".split(" "),
      ..."--schedule plateau --early-stopping 2 --metrics f1,auc --monitor auc --label-smoothing 0.1".split(" "),
      ..."--class-weights balanced --optimizer rmsprop --lr-of norm=0.5 --adaptive-clip 0.1 --log tensorboard".split(
        " ",
      ),
    );
    expect([code, stderr]).toEqual([0, ""]);
    const told =
      /^stopped early, after (\d+) epochs; the weights are those of epoch (\d+), validation auc (\d\.\d+)$/m.exec(
        stdout,
      );
    const metrics = metricsOf("early");
    expect(metrics.length).toBe(Number(told?.[1]));
    const areas = metrics.map(({ validation }) => validation.metrics.auc);
    expect(areas.indexOf(Math.max(...areas)) + 1).toBe(Number(told?.[2]));
    expect(metrics[0].steps).toBe(6);
    expect(Object.keys(metrics[0].test.metrics)).toEqual(["f1", "auc"]);
    const events = eventsIn(readFileSync(join(folder, "early", "events.out.tfevents.evenkeel")));
    expect(events.length).toBe(1 + metrics.length * 7);
    expect(events[7].scalars["validation/auc"]).toBe(Math.fround(areas[0]));
    expect(events[7].scalars["test/f1"]).toBe(Math.fround(metrics[0].test.metrics.f1));
  });

  test("searches for a learning rate in the place of a run, and writes nothing", () => {
    const search = (...more: string[]) =>
      evenkeel(
        ..."train --data classes.csv --batch-size 8 --seed 3 --find-learning-rate --out searched".split(" "),
        ...more,
      );
    const { code, stdout, stderr } = search();
    expect([code, stderr]).toEqual([0, ""]);
    const [, suggestion, again] =
      /falls fastest at a learning rate of (\S+)\. Train with --lr (\S+)\.\n$/.exec(stdout) ?? [];
    expect(Number(suggestion)).toBeGreaterThan(1e-4);
    expect(Number(suggestion)).toBeLessThan(10);
    expect(again).toBe(suggestion);
    expect(existsSync(join(folder, "searched"))).toBe(false);
    expect(search().stdout).toBe(stdout);
    const resumed = search("--resume");
    expect([resumed.code, resumed.stderr.split("\n")[0]]).toEqual([
      2,
      "error: --find-learning-rate: expected a run to begin, got --resume",
    ]);
  });

  test.each([
    ["ema=0.9", "the weights are the average of 45 steps"],
    ["swa=0.4", "the weights are the average of 1 steps"],
  ])("saves the average of the weights: %s", (average, line) => {
    const out = `average-${average.slice(0, 3)}`;
    const { code, stdout, stderr } = evenkeel(
      ...`train --data ${images} --epochs 3 --batch-size 16 --seed 5 --no-report --average ${average} --out ${out}`.split(
        " ",
      ),
    );
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(line);
    setBackend("wasm");
    const { model } = loadModel(readFileSync(join(folder, out, "model.safetensors")));
    expect(model.parameters().every((p) => p.dataSync().every(Number.isFinite))).toBe(true);
  });

  test.each([
    "--optimizer lion --loss focal",
    "--optimizer lamb --mixup 0.2 --schedule cosine-restarts",
    "--optimizer lars --cutmix 1",
    "--optimizer adagrad --clip-norm 1 --class-weights 1,2,1",
  ])("trains with %s", (flags) => {
    const { code, stdout, stderr } = evenkeel(
      ...`train --data ${images} --epochs 2 --batch-size 16 --seed 5 --no-report --out some ${flags}`.split(" "),
    );
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^test accuracy [01]\.\d{4}$/m);
  });

  test.each(["huber", "smooth-l1", "l1"])("trains on numbers with --loss %s", (loss) => {
    const { code, stderr } = evenkeel(
      ...`train --data numbers.csv --task regression --epochs 2 --batch-size 16 --seed 5 --no-report --out numbers --loss ${loss}`.split(
        " ",
      ),
    );
    expect([code, stderr]).toEqual([0, ""]);
  });

  test("refuses flags that do not go together", () => {
    const numbers = "--data numbers.csv --task regression";
    const messages = [
      `${numbers} --loss focal`,
      `${numbers} --mixup 0.2`,
      `${numbers} --metrics f1`,
      "--data classes.csv --loss mse",
      "--data classes.csv --mixup 0.2 --cutmix 1",
      "--data classes.csv --loss focal --label-smoothing 0.1",
      "--data classes.csv --loss focal --cutmix 1",
      "--data classes.csv --class-weights 1,2,3",
      "--data classes.csv --class-weights even",
      "--data classes.csv --clip-norm 1 --adaptive-clip 0.01",
      "--data classes.csv --split 0.8,0.2 --early-stopping 2",
      "--data classes.csv --early-stopping 2 --monitor f1",
      "--data classes.csv --monitor accuracy",
      "--data classes.csv --average mean",
      "--data classes.csv --average ema=1",
      "--data classes.csv --lr-of norm",
      "--data classes.csv --lr-of head=2",
      "--data classes.csv --label-smoothing 1",
      "--data classes.csv --clip-norm 0",
      "--data classes.csv --metrics f2",
    ].map((flags) => {
      const { code, stderr } = evenkeel(..."train --seed 1 --out refused".split(" "), ...flags.split(" "));
      return `${flags}\n  ${code} ${stderr.replaceAll(folder, "FOLDER").trim()}`;
    });
    expect(messages.join("\n")).toMatchInlineSnapshot(`
      "--data numbers.csv --task regression --loss focal
        1 evenkeel: --loss: expected a loss for regression (mse, huber, smooth-l1, l1), got focal. Leave the flag out, or choose another.
      --data numbers.csv --task regression --mixup 0.2
        1 evenkeel: --mixup: expected data with classes, got numbers to predict. Leave the flag out, or choose another.
      --data numbers.csv --task regression --metrics f1
        1 evenkeel: --metrics: expected data with classes, got numbers to predict. Leave the flag out.
      --data classes.csv --loss mse
        1 evenkeel: --loss: expected a loss for classification (cross-entropy, focal), got mse. Leave the flag out, or choose another.
      --data classes.csv --mixup 0.2 --cutmix 1
        1 evenkeel: --mixup, --cutmix: expected one of them, got both. Leave the flag out, or choose another.
      --data classes.csv --loss focal --label-smoothing 0.1
        1 evenkeel: --label-smoothing: expected --loss cross-entropy, got --loss focal. Leave the flag out, or choose another.
      --data classes.csv --loss focal --cutmix 1
        1 evenkeel: --cutmix: expected --loss cross-entropy, got --loss focal. Leave the flag out, or choose another.
      --data classes.csv --class-weights 1,2,3
        1 evenkeel: --class-weights: expected a weight for each of 2 classes, got 3. Leave the flag out, or choose another.
      --data classes.csv --class-weights even
        1 evenkeel: --class-weights: expected a finite number of at least 0, got even. Pass a number.
      --data classes.csv --clip-norm 1 --adaptive-clip 0.01
        1 evenkeel: --clip-norm, --adaptive-clip: expected one of them, got both. Leave the flag out.
      --data classes.csv --split 0.8,0.2 --early-stopping 2
        1 evenkeel: --early-stopping: expected data with a validation part (--split 0.8,0.1,0.1), got none. Leave the flag out.
      --data classes.csv --early-stopping 2 --monitor f1
        1 evenkeel: --monitor: expected loss, accuracy or a score of --metrics, got f1. Leave the flag out.
      --data classes.csv --monitor accuracy
        1 evenkeel: --monitor: expected --early-stopping or --schedule plateau, which watch it, got neither. Leave the flag out.
      --data classes.csv --average mean
        1 evenkeel: --average: expected ema=DECAY or swa=SHARE, got mean. Pass for example ema=0.999 or swa=0.75.
      --data classes.csv --average ema=1
        1 evenkeel: --average ema: expected a share from 0 up to, not including, 1, got 1. Pass 0.1, say.
      --data classes.csv --lr-of norm
        1 evenkeel: --lr-of: expected KIND=FACTOR or PATH=FACTOR, separated by commas, got norm. Kinds are norm, bias and weight: norm=0.5,head=10.
      --data classes.csv --lr-of head=2
        1 evenkeel: --lr-of: expected rules of which each matches a parameter, such as 0.weight, 1.weight, 1.bias, got "head". Name a kind (norm, bias, weight) or a path.
      --data classes.csv --label-smoothing 1
        1 evenkeel: --label-smoothing: expected a share from 0 up to, not including, 1, got 1. Pass 0.1, say.
      --data classes.csv --clip-norm 0
        1 evenkeel: --clip-norm: expected a number above 0, got 0. Leave the flag out for none.
      --data classes.csv --metrics f2
        1 evenkeel: --metrics: expected f1 or meanIou or auc, got f2. Did you mean f1?"
    `);
  });
});
