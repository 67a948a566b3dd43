import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { evenkeelIn } from "../../support/command.js";

let folder: string;
const evenkeel = (...args: string[]) => evenkeelIn(folder, ...args);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "evenkeel-keras-"));
  for (const name of ["cnn.keras", "cnn.h5", "transformer.keras", "link.h5"]) {
    copyFileSync(join(import.meta.dirname, "../../fixtures", `keras-${name}`), join(folder, name));
  }
  writeFileSync(join(folder, "cut.keras"), readFileSync(join(folder, "cnn.keras")).subarray(0, 9000));
  writeFileSync(join(folder, "text.h5"), "no model");
});
afterAll(() => rmSync(folder, { recursive: true }));

test("inspect lists the normalisations of Keras models in both forms", () => {
  const archive = evenkeel("inspect", "cnn.keras");
  expect(archive.stderr).toBe("");
  expect(archive.stdout).toMatchInlineSnapshot(`
    "layers-model, written by keras v3.11.0: 13 layers, 2 normalisations, 1 of them can be folded
    takes x (float32 N×8×6×3)

    norm                               kind                             input  channels    eps  momentum             mean        variance           weight     folds into
    batch_normalization  BatchNormalization                     Conv2D conv2d         4  0.001       0.9  -0.292 to 0.578  0.516 to 0.742  -0.477 to 0.486  Conv2D conv2d
    group_normalization  GroupNormalization  DepthwiseConv2D depthwise_conv2d         4  0.001         –                –               –    0.33 to 0.515              –

    group_normalization: cannot be folded: it takes its statistics from each input
    "
  `);
  expect(evenkeel("inspect", "cnn.h5").stdout).toBe(archive.stdout);
});

test("repair writes a model.json, and lists what TF.js lacks", () => {
  expect(evenkeel("repair", "cnn.keras", "-o", "web").stdout).toMatchInlineSnapshot(`
    "repaired: fields that only Keras 3 reads are gone
    repaired: dtype policies are now names of types
    repaired: batch_shape is now batch_input_shape
    repaired: functions are now names
    GroupNormalization group_normalization  TF.js has no such layer
    4 repaired, 1 left to you
    wrote web/model.json
    "
  `);
  expect(existsSync(join(folder, "web/model.json"))).toBe(true);
  expect(evenkeel("repair", "web/model.json", "--dry-run").stdout).toMatchInlineSnapshot(`
    "GroupNormalization group_normalization  TF.js has no such layer
    0 repaired, 1 left to you
    "
  `);
  expect(evenkeel("repair", "transformer.keras", "--dry-run").stdout).toMatchInlineSnapshot(`
    "repaired: fields that only Keras 3 reads are gone
    repaired: dtype policies are now names of types
    repaired: batch_shape is now batch_input_shape
    repaired: calls are now lists of [layer, call, output]
    repaired: output_layers is now a list of [layer, call, output]
    MultiHeadAttention self   TF.js has no such layer
    MultiHeadAttention cross  TF.js has no such layer
    UnitNormalization unit    TF.js has no such layer
    GRU gru                   reset_after, which TF.js does not have
    5 repaired, 4 left to you
    "
  `);
});

test("fold makes a folded model.json of a Keras model", () => {
  expect(evenkeel("fold", "cnn.keras", "-o", "folded", "--no-verify").stdout).toMatchInlineSnapshot(`
    "batch_normalization  into Conv2D conv2d
    1 folded, 0 left
    wrote folded/model.json, 3889 bytes with its weights for 4368
    "
  `);
});

test("damaged files, missing ones and those that link elsewhere are refused in one line", () => {
  const lines = ["inspect link.h5", "inspect cut.keras", "repair text.h5 --dry-run", "inspect gone.keras"];
  const refusals = lines.map((line) => {
    const { code, stdout, stderr } = evenkeel(...line.split(" "));
    expect([code, stdout]).toEqual([1, ""]);
    return [line, stderr];
  });
  expect(Object.fromEntries(refusals)).toMatchInlineSnapshot(`
    {
      "inspect cut.keras": "evenkeel: cut.keras: expected a whole .keras file, got invalid zip data. Save it with model.save('model.keras').
    ",
      "inspect gone.keras": "evenkeel: gone.keras: expected a file that can be read, got ENOENT: no such file or directory, stat 'gone.keras'. Check the path and its permissions.
    ",
      "inspect link.h5": "evenkeel: link.h5: expected a file without links, as Keras writes it, got the link /model_weights, which leads to the file /etc/passwd. Check that it is the file that Keras saved, complete and unchanged.
    ",
      "repair text.h5 --dry-run": "evenkeel: text.h5: expected a .keras file, or a whole model in an .h5 file, got bytes that are neither. Check that it is the file that Keras saved, complete and unchanged.
    ",
    }
  `);
});
