import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CommandResult, evenkeelIn } from "../support/command.js";
import { temporaryFolder, writeSmallImages, writeTenClasses } from "../support/idx-files.js";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const study = (...args: string[]): CommandResult => evenkeelIn(folder, "study", ...args);
const linear = (...args: string[]): CommandResult => study("linear", "--data", "images", "--seeds", "2", ...args);

let first: CommandResult;
beforeAll(() => {
  writeTenClasses(join(folder, "images"));
  first = linear("--out", "out");
});

describe("evenkeel study", () => {
  test("says what it found, and writes trials, record and page", () => {
    expect(first.code, first.stderr).toBe(0);
    expect(first.stdout).toMatchInlineSnapshot(`
      "40 training and 20 test images of 1×8×8, 10 classes; linear

      linear: an affine map at inference, but not in training, 2 seeds
        reproduced: At inference batch norm is an affine map: its superposition error at batches of 32 is that of float32. Effect 6.65e−8 relative error, 95 % interval 5.26e−8 to 8.04e−8, bound ±0.00001, 2 seeds.
        reproduced: In training it is not: its superposition error at batches of 128 is above 1 %. Effect 0.417 relative error, 95 % interval 0.391 to 0.442, smallest of interest 0.01, 2 seeds.

      wrote out/study.json and out/study.html
      "
    `);
    expect(readdirSync(join(folder, "out")).sort()).toEqual(["study.html", "study.json", "study.jsonl"]);
    const { document } = parseHTML(readFileSync(join(folder, "out", "study.html"), "utf8"));
    const words = [...document.querySelectorAll(".note strong")].map(({ textContent }) => textContent);
    expect(words).toEqual(["reproduced", "reproduced"]);
    expect(document.querySelectorAll("figure svg[role=img]")).toHaveLength(1);
  });

  test("goes on from its trials, to the same record, even where the last line was cut", () => {
    const record = readFileSync(join(folder, "out", "study.json"), "utf8");
    const trials = join(folder, "out", "study.jsonl");
    const lines = readFileSync(trials, "utf8").split("\n");
    writeFileSync(trials, `${lines.slice(0, 5).join("\n")}\n${lines[5].slice(0, 30)}`);
    const { stdout, code } = linear("--out", "out", "--json");
    expect(code).toBe(0);
    expect(stdout).toBe(record);
    expect(readFileSync(trials, "utf8").split("\n")).toHaveLength(lines.length);
  });

  test("takes names it does not know, and times that are none, for misuse", () => {
    const { code, stderr } = study("linear", "liner");
    expect(code).toBe(2);
    expect(stderr).toMatchInlineSnapshot(`
      "error: name: expected some of alive, faster, shift, batch, norms, gap, memory, place, linear, shifted, got liner. Did you mean linear?
      (evenkeel study --help lists its flags, with examples)
      "
    `);
    const late = study("linear", "--minutes", "0");
    expect(late.code).toBe(2);
    expect(late.stderr).toMatchInlineSnapshot(`
      "error: --minutes: expected a number above 0, got 0
      (evenkeel study --help lists its flags, with examples)
      "
    `);
  });

  test("refuses other numbers of classes, other data in the same folder, and lines that are no trials", () => {
    writeSmallImages(join(folder, "three"), { train: 30, test: 12 });
    const faults = [
      study("linear", "--data", "three", "--seeds", "2", "--out", "out-3"),
      study("linear", "--seeds", "none"),
      study("linear", "--budget", "huge"),
    ];
    writeTenClasses(join(folder, "images"), { train: 50 });
    faults.push(linear("--out", "out"));
    writeTenClasses(join(folder, "images"));
    appendFileSync(join(folder, "out", "study.jsonl"), "a line\n");
    faults.push(linear("--out", "out"), linear("--out", join("out", "study.jsonl")));
    expect(faults.map(({ code }) => code)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(faults.map(({ stderr }) => stderr).join("")).toMatchInlineSnapshot(`
      "evenkeel: evenkeel study --data three: expected images of 10 classes, got 30 training and 12 test images of 1×8×8, 3 classes. Use fashion-mnist or mnist.
      evenkeel: --seeds: expected a whole number of at least 1, got none. Pass a whole number.
      evenkeel: --budget: expected quick or full, got huge. Pass one of them.
      evenkeel: out: expected trials on images, 50 training and 20 test images, protocol 2, got a study of images, 40 training and 20 test images, protocol 2. Choose another --out.
      evenkeel: out/study.jsonl, line 10: expected a trial, got a line. Remove the line, or choose another --out.
      evenkeel: out/study.jsonl: expected a folder, got a file. Name another place.
      "
    `);
  });
});
