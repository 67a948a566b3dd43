import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BatchNorm, Conv2d, Flatten, GroupNorm, Linear, ReLU, Sequential, saveModel, seed, tensor } from "evenkeel";
import { afterAll, beforeAll, expect, test } from "vitest";
import { evenkeelIn } from "../support/command.js";
import { temporaryFolder } from "../support/idx-files.js";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(() => {
  seed(1);
  const used = new BatchNorm(2, { momentum: 0.9 });
  used.loadStateDict({
    weight: tensor([1, 0]),
    bias: tensor([0, 0.5]),
    running_mean: tensor([0.25, -1]),
    running_var: tensor([2, 1e-7]),
  });
  const body = new Sequential(new Conv2d(2, 4, 3), new GroupNorm(2, 4));
  const end = [new Flatten(), new Linear(16, 4), new BatchNorm(4)];
  const model = new Sequential(new Conv2d(1, 2, 3), used, new ReLU(), body, ...end);
  writeFileSync(join(folder, "model.safetensors"), saveModel(model));
});

test("inspect lists the norms of a model, what feeds them, what is wrong and what would be folded", () => {
  const { code, stdout, stderr } = evenkeelIn(folder, "inspect", "model.safetensors");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatchInlineSnapshot(`
    "3 normalisations, 2 of them can be folded

    norm             kind       input  channels      eps  momentum        mean   variance  weight  folds into
    1        BatchNorm(2)    0 Conv2d         2  0.00001       0.9  -1 to 0.25  1e-7 to 2  0 to 1           0
    3.1   GroupNorm(2, 4)  3.0 Conv2d         4  0.00001         –           –          –  1 to 1           –
    6        BatchNorm(4)    5 Linear         4  0.00001      0.99      0 to 0     1 to 1  1 to 1           5

    1: weight: 1 of 2 are next to 0, which switches their channels off
    1: running variance: 1 of 2 values are below eps: those channels hardly vary
    3.1: cannot be folded: it takes its statistics from each input
    6: its running statistics were never updated (mean 0, variance 1): recalibrate it
    "
  `);
});

test("inspect --json says it with the fields that other kinds of models have", () => {
  const { norms } = JSON.parse(evenkeelIn(folder, "inspect", "model.safetensors", "--json").stdout);
  expect(norms[0]).toMatchObject({ place: "1", channels: 2, momentum: 0.9, mode: "inference" });
  expect(norms[0].parameters.mean).toEqual({ min: -1, max: 0.25, mean: -0.375 });
  expect(norms[1]).toMatchObject({ place: "3.1", input: "3.0 Conv2d", momentum: null, mode: null, foldsInto: null });
});
