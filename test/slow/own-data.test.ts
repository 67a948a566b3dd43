import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describeModel, Generator } from "evenkeel";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evenkeelIn } from "../support/command.js";
import { temporaryFolder } from "../support/idx-files.js";
import { npyBytes, npzBytes } from "../support/npy-files.js";

let folder = "";
const evenkeel = (...args: string[]) => evenkeelIn(folder, ...args);

function write(name: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), content);
}

/** An image of one colour. */
async function writeImage(name: string, [r, g, b]: [number, number, number], format: "png" | "jpeg" = "png") {
  const image = sharp({ create: { width: 8, height: 8, channels: 3, background: { r, g, b } } });
  write(name, await image.toFormat(format).toBuffer());
}

/** Trains on little, and gives the last line. */
function train(data: string, ...flags: string[]): string {
  const small = ["--epochs", "8", "--batch-size", "16", "--norm-momentum", "0.9", "--seed", "1"];
  const { code, stdout, stderr } = evenkeel("train", "--data", data, "--out", `run-${data}`, ...small, ...flags);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return stdout.trim().split("\n").at(-1) ?? "";
}

beforeAll(async () => {
  folder = temporaryFolder();
  const generator = new Generator(2);
  const pick = <T>(list: readonly T[]): T => list[generator.below(list.length)];
  const people = Array.from({ length: 200 }, () => {
    const [age, city] = [18 + generator.below(60), pick(["Ulm", "Bonn", "Kiel"])];
    const isMissing = generator.uniform() < 0.1;
    return `${isMissing ? "" : age},${isMissing ? "NA" : city},${age > 45 ? "yes" : "no"}`;
  });
  write("people.csv", `age,city,bought\n${people.join("\n")}\n`);
  const homes = Array.from({ length: 200 }, () => {
    const [size, kind] = [30 + generator.below(150), pick(["flat", "house"])];
    return `${kind},${size},${1000 * size + (kind === "house" ? 50_000 : 0)}`;
  });
  write("homes.csv", `kind,size,price\n${homes.join("\n")}\n`);
  const x = Float32Array.from({ length: 400 }, () => generator.normal());
  const y = Uint8Array.from({ length: 200 }, (_, k) => (x[2 * k] > 0 ? 1 : 0));
  write("points.npz", npzBytes({ x: npyBytes("<f4", [200, 2], x), y: npyBytes("|u1", [200], y) }));
  for (let k = 0; k < 20; k++) {
    await writeImage(`pets/cat/${k}.png`, [200, 5 * k, 40]);
    await writeImage(`pets/dog/${k}.jpg`, [40, 5 * k, 200], "jpeg");
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("evenkeel with one's own data", () => {
  test("a CSV with text columns and missing values: train, evaluate, predict rows that have no target", () => {
    expect(Number(train("people.csv").split(" ").at(-1))).toBeGreaterThan(0.8);
    const { meta } = describeModel(readFileSync(join(folder, "run-people.csv/model.safetensors")));
    expect(meta.classes).toEqual(["no", "yes"]);
    // The file it was trained on: the same test part. Another: all rows.
    expect(evenkeel("evaluate", "run-people.csv", "--data", "people.csv").stdout).toMatch(/^20 samples \(test\): /);
    write("new.csv", "bought,city,age\nno,Ulm,20\nyes,Rome,70\n");
    expect(evenkeel("evaluate", "run-people.csv", "--data", "new.csv").stdout).toMatch(
      /^2 samples \(all\): loss .*, accuracy 1\.0000/,
    );
    write("ask.csv", "city,age\nUlm,20\nRome,70\n");
    const { stdout } = evenkeel("predict", "run-people.csv", "ask.csv");
    expect(stdout.replaceAll(/\d\.\d{4}/g, "P")).toBe("ask.csv, row 2: no P\nask.csv, row 3: yes P\n");
    const [first] = JSON.parse(evenkeel("predict", "run-people.csv", "ask.csv", "--json").stdout);
    expect([first.file, first.row, first.classes[0].class]).toEqual(["ask.csv", 2, "no"]);
  });

  test("a regression tells its errors and its answers in the target's own units", () => {
    expect(train("homes.csv", "--epochs", "30")).toMatch(/^test mean absolute error \d+/);
    const { stdout } = evenkeel("evaluate", "run-homes.csv", "--data", "homes.csv", "--json");
    const { mae, rSquared, part } = JSON.parse(stdout);
    expect(part).toBe("test");
    expect(rSquared).toBeGreaterThan(0.9);
    expect(mae).toBeGreaterThan(100);
    write("home.csv", "size,kind\n100,house\n");
    const [{ outputs }] = JSON.parse(evenkeel("predict", "run-homes.csv", "home.csv", "--json").stdout);
    expect(outputs[0]).toBeGreaterThan(110_000);
    expect(outputs[0]).toBeLessThan(190_000);
  });

  test("an NPZ with x and y", () => {
    expect(Number(train("points.npz").split(" ").at(-1))).toBeGreaterThan(0.8);
    expect(evenkeel("predict", "run-points.npz", "points.npz").stdout.split("\n").length).toBe(201);
  });

  test("a folder of class folders, with augmentation", () => {
    expect(
      train("pets", "--batch-size", "8", "--norm-momentum", "0.8", "--augment", "shift=1,flip,crop=0.9,noise=0.01"),
    ).toBe("test accuracy 1.0000");
    expect(evenkeel("predict", "run-pets", "pets/dog/3.jpg").stdout).toMatch(/^pets\/dog\/3\.jpg: dog /);
  });

  test("answers each mistake in one clear line, exits 1 and writes nothing", async () => {
    mkdirSync(join(folder, "empty"));
    await writeImage("one-class/cat/1.png", [1, 2, 3]);
    await writeImage("one-class/cat/2.png", [1, 2, 3]);
    await writeImage("loose/1.png", [1, 2, 3]);
    for (const name of ["misnamed", "nothing", "stray/train", "stray/test"]) {
      await writeImage(`${name}/a/1.png`, [1, 2, 3]);
      await writeImage(`${name}/b/1.png`, [4, 5, 6]);
    }
    await writeImage("misnamed/b/2.png", [1, 2, 3], "jpeg");
    write("nothing/a/2.png", "");
    await writeImage("stray/test/c/1.png", [1, 2, 3]);
    mkdirSync(join(folder, "bare/a"), { recursive: true });
    await writeImage("bare/b/1.png", [1, 2, 3]);
    await writeImage("sizes/a/1.png", [1, 2, 3]);
    write("sizes/b/1.png", await sharp(join(folder, "sizes/a/1.png")).resize(9, 7).png().toBuffer());
    const rows = (extra: string): string => `x,y\n${"1,a\n2,b\n".repeat(10)}${extra}`;
    write("headless.csv", "5.1,3.5,a\n4.9,3.0,b\n");
    write("only-header.csv", "x,y\n");
    write("empty.csv", "");
    write("text.csv", rows("old,a\n"));
    write("infinite.csv", rows("inf,a\n"));
    write("untold.csv", rows("3,\n"));
    write("ragged.csv", rows("3,a,4\n"));
    write("twice.csv", "x,x,y\n1,2,a\n");
    write("single.csv", "x,y\n1,a\n2,a\n");
    write("few.csv", "x,y\n1,a\n2,b\n");
    write("latin.csv", Uint8Array.from([0x78, 0x2c, 0x79, 10, 0xfc, 0x2c, 0x31]));
    write(
      "no-y.npz",
      npzBytes({ x: npyBytes("<f4", [1, 1], Float32Array.of(1)), labels: npyBytes("|u1", [1], Uint8Array.of(1)) }),
    );
    write("notes.txt", "notes");
    const mistakes = [
      ["empty"],
      ["one-class"],
      ["loose"],
      ["misnamed"],
      ["nothing"],
      ["stray"],
      ["bare"],
      ["sizes"],
      ["headless.csv"],
      ["only-header.csv"],
      ["empty.csv"],
      ["text.csv"],
      ["infinite.csv"],
      ["untold.csv"],
      ["ragged.csv"],
      ["twice.csv"],
      ["single.csv"],
      ["few.csv"],
      ["latin.csv"],
      ["no-y.npz"],
      ["notes.txt"],
      ["people.csv", "--target", "income"],
      ["people.csv", "--task", "regression"],
      ["people.csv", "--split", "0.8,0.1"],
      ["people.csv", "--split", "1"],
      ["people.csv", "--model", "cnn"],
      ["people.csv", "--augment", "flip"],
      ["pets", "--augment", "twist"],
      ["pets", "--grey", "--rgb"],
    ];
    const answers = mistakes.map(([data, ...flags]) => {
      const { code, stderr } = evenkeel("train", "--data", data, "--seed", "1", "--out", "never", ...flags);
      expect([code, stderr.trim().split("\n").length], stderr).toEqual([1, 1]);
      return stderr.trim();
    });
    expect(existsSync(join(folder, "never"))).toBe(false);
    expect(answers).toMatchInlineSnapshot(`
      [
        "evenkeel: empty: expected a folder of images for each class, got an empty folder. Put the images of each class into a folder of its name.",
        "evenkeel: one-class: expected at least two classes, got one, cat. Add samples of another class.",
        "evenkeel: loose: expected a folder of images for each class, got 1 file and no folder. Put the images of each class into a folder of its name.",
        "evenkeel: misnamed: expected whole PNG and JPEG images whose names match their format, got misnamed/b/2.png (a JPEG by its content). Replace, rename or remove them, or leave them out (--skip-bad-rows).",
        "evenkeel: nothing: expected whole PNG and JPEG images whose names match their format, got nothing/a/2.png (an empty file). Replace, rename or remove them, or leave them out (--skip-bad-rows).",
        "evenkeel: stray, test: expected classes of the training data (a, b), got c. Correct the label, or train with this class.",
        "evenkeel: bare/a: expected images of this class, got an empty folder. Add some, or remove the folder.",
        "evenkeel: sizes/b/1.png: expected 8×8 pixels, as sizes/a/1.png has, got 7×9. Resize all images to one size, such as --image-size 32.",
        "evenkeel: headless.csv, header: expected a name for each column, got "5.1" in column 1. Add a first line with the name of each column.",
        "evenkeel: only-header.csv: expected a header and rows below it, got a header only. Give it a first line with the name of each column, and then the data.",
        "evenkeel: empty.csv: expected a file that can be read, got an empty file. Check what wrote it, or name another file.",
        "evenkeel: text.csv, row 22, column x: expected a number, as in most rows, got "old". Correct it, leave the column out, or drop such rows (--skip-bad-rows).",
        "evenkeel: infinite.csv, row 22, column x: expected a finite number, got "inf". Correct it, leave the column out, or drop such rows (--skip-bad-rows).",
        "evenkeel: untold.csv, row 22, column y: expected a target value, got "". Correct it, or drop such rows (--skip-bad-rows).",
        "evenkeel: ragged.csv, row 22: expected 2 cells, as in the header, got 3. Quote cells that hold the delimiter, name a first column of row names in the header, or drop such rows (--skip-bad-rows).",
        "evenkeel: twice.csv, header: expected different names, got x twice. Rename one of the columns.",
        "evenkeel: single.csv: expected at least two classes, got one, a. Add samples of another class.",
        "evenkeel: few.csv: expected samples for training, validation, test in shares of 0.8, 0.1, 0.1, got 2 in all, and none for validation. Add data, or pass other shares, such as --split 0.7,0.3.",
        "evenkeel: latin.csv: expected text in UTF-8, got other bytes. Save it as CSV in UTF-8.",
        "evenkeel: no-y.npz: expected the arrays x and y, or x_train, y_train, x_test and y_test, got x. Save them with numpy.savez('data.npz', x=x, y=y).",
        "evenkeel: loadData(notes.txt): expected a folder, or a file that ends in .csv, .tsv, .npz or .npy, got .txt. Name such a file.",
        "evenkeel: people.csv: expected a column "income", got the columns age, city, bought. Name one of them, or add it.",
        "evenkeel: people.csv, row 2, column bought: expected a number, got "no". Correct it, or drop such rows (--skip-bad-rows).",
        "evenkeel: --split: expected shares of at least 0 whose sum is 1, got [0.8, 0.1]. Pass for example --split 0.8,0.1,0.1.",
        "evenkeel: --split: expected two shares (training, test) or three (training, validation, test), got [1]. Pass for example --split 0.8,0.1,0.1.",
        "evenkeel: cnn({ inputShape }): expected images (C, H, W) of at least 4×4, got 5. Use mlp, which takes any shape.",
        "evenkeel: augment(dataset, options): expected images (C, H, W), got samples of shape 5. Leave crop, shift and flip out.",
        "evenkeel: --augment: expected crop=SHARE, shift=PIXELS, flip or noise=DEVIATION, separated by commas, got twist. Pass for example --augment shift=2,flip.",
        "evenkeel: --grey, --rgb: expected one of them, got both. Leave one out.",
      ]
    `);
  });
});
