import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cnn, onWarning } from "evenkeel";
import { mobilenetV3Small } from "evenkeel/networks";
import { loadNetwork, recordNetwork } from "evenkeel/node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { temporaryFolder } from "../support/idx-files.js";

let folder = "";
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const options = { inputShape: [1, 8, 8], classes: 3 };

async function attempt(name: string, code: string | null): Promise<string> {
  const path = join(folder, name);
  if (code !== null) writeFileSync(path, code);
  const make = async (): Promise<string> => String(await (await loadNetwork(path))(options));
  return make().catch((error: unknown) => String(error).replaceAll(folder, "FOLDER"));
}

test("a built-in name builds its network", async () => {
  const model = await (await loadNetwork("cnn"))({ ...options, norm: "none" });
  expect(model.toString()).toBe(cnn({ ...options, norm: "none" }).toString());
});

test("the names of evenkeel/networks build theirs, but for those that do not score images", async () => {
  const model = await (await loadNetwork("mobilenetV3Small"))({ ...options, norm: "group" });
  expect(Object.keys(model.stateDict())).toEqual(
    Object.keys(mobilenetV3Small({ ...options, norm: "group" }).stateDict()),
  );
  await expect(loadNetwork("unet")).rejects.toThrowErrorMatchingInlineSnapshot(
    `[DataError: loadNetwork(unet): expected a network that scores the classes of an image, got one that scores those of each pixel. Build it in code, with data that have a class for each pixel.]`,
  );
  expect(recordNetwork("resnet50", folder, options)).toEqual({ from: "resnet50", options });
});

test("each mistake in a module is answered in one clear line", async () => {
  const answers = [
    await attempt("nowhere.js", null),
    await attempt("missing.mjs", 'import "not-installed-anywhere"; export default () => null;'),
    await attempt("throws-early.mjs", 'throw new Error("no luck");'),
    await attempt("none.mjs", "const net = 1;"),
    await attempt("named.mjs", "export const net = () => null; export const other = 2;"),
    await attempt("throws.mjs", 'export default () => { throw new Error("no luck\\nat all"); };'),
    await attempt("rejects.mjs", 'export default async () => { throw "plain text"; };'),
    await attempt("null.mjs", "export default () => null;"),
    await attempt("nothing.mjs", "export default () => {};"),
    await attempt("object.mjs", "export default { layers: 3 };"),
    await attempt("function.mjs", "export default () => () => 1;"),
    await attempt("copy.mjs", "export default { forward() {}, stateDict() {} };"),
  ];
  expect(answers).toMatchInlineSnapshot(`
    [
      "DataError: loadNetwork(FOLDER/nowhere.js): expected mlp, cnn, resnet, resnet18, resnet34, resnet50, mobilenetV2, mobilenetV3Small, efficientnetB0, densenet121, convnextTiny, vitTiny, nfnet, or the file of a module such as ./net.js, got no such file. Name one of them.",
      "DataError: loadNetwork(FOLDER/missing.mjs): expected a module that loads, got Cannot find package 'not-installed-anywhere' imported from FOLDER/missing.mjs. Correct the module.",
      "DataError: loadNetwork(FOLDER/throws-early.mjs): expected a module that loads, got no luck. Correct the module.",
      "DataError: loadNetwork(FOLDER/none.mjs): expected a default export that makes a network, got no export. Write: export default ({ inputShape, classes }) => …",
      "DataError: loadNetwork(FOLDER/named.mjs): expected a default export that makes a network, got only the exports net, other. Write: export default ({ inputShape, classes }) => …",
      "DataError: loadNetwork(FOLDER/throws.mjs): expected a network from its default export, got an error: no luck. Correct the module.",
      "DataError: loadNetwork(FOLDER/rejects.mjs): expected a network from its default export, got an error: plain text. Correct the module.",
      "DataError: loadNetwork(FOLDER/null.mjs): expected a Module from its default export, got null. Return a Module.",
      "DataError: loadNetwork(FOLDER/nothing.mjs): expected a Module from its default export, got undefined. Return a Module.",
      "DataError: loadNetwork(FOLDER/object.mjs): expected a Module from its default export, got a value of type object. Return a Module.",
      "DataError: loadNetwork(FOLDER/function.mjs): expected a Module from its default export, got a value of type function. Return a Module.",
      "DataError: loadNetwork(FOLDER/copy.mjs): expected a Module of this copy of evenkeel, got one of another copy. Run the one that the module imports: npx evenkeel in its project.",
    ]
  `);
});

test("what a module builds is tried on inputs of the right shape", async () => {
  onWarning(() => {});
  const evenkeel = JSON.stringify(new URL("../../src/index.ts", import.meta.url).href);
  const module = (body: string): string => `import * as ek from ${evenkeel};\n${body}`;
  const answers = [
    await attempt(
      "width.mjs",
      module("export default () => new ek.Sequential(new ek.Flatten(), new ek.Linear(64, 5));"),
    ),
    await attempt(
      "input.mjs",
      module("export default () => new ek.Sequential(new ek.Flatten(), new ek.Linear(9, 3));"),
    ),
    await attempt("images.mjs", module("export default () => new ek.Conv2d(1, 3, 3);")),
    await attempt(
      "typeless.mjs",
      module("export default class extends ek.Module { forward(x) { return x.notThere(); } }"),
    ),
    await attempt("array.mjs", module("export default class extends ek.Module { forward(x) { return [1]; } }")),
    await attempt("error.mjs", module("export default class extends ek.Module { forward() { throw null; } }")),
    await attempt(
      "class.mjs",
      module(
        "export default class Net extends ek.Sequential { constructor({ classes }) { super(new ek.Flatten(), new ek.Linear(64, classes)); } }",
      ),
    ),
    await attempt(
      "instance.mjs",
      module("export default new ek.Sequential(new ek.Flatten(), new ek.BatchNorm(64), new ek.Linear(64, 3));"),
    ),
    await attempt(
      "promise.mjs",
      module("export default async ({ inputShape, classes }) => ek.mlp({ inputShape, classes, widths: [] });"),
    ),
  ];
  expect(answers).toMatchInlineSnapshot(`
    [
      "DataError: loadNetwork(FOLDER/width.mjs): expected outputs of shape N×3 for inputs of shape N×1×8×8, got N×5. Build it with the inputShape and classes it is given.",
      "DataError: loadNetwork(FOLDER/input.mjs): expected outputs of shape N×3 for inputs of shape N×1×8×8, got an error: Linear(9, 3).forward(x): expected 9 features in axis 1, got 64 (shape 8×64). Build the layer with 64 features, or reshape x. Build it with the inputShape and classes it is given.",
      "DataError: loadNetwork(FOLDER/images.mjs): expected outputs of shape N×3 for inputs of shape N×1×8×8, got N×3×6×6. Build it with the inputShape and classes it is given.",
      "DataError: loadNetwork(FOLDER/typeless.mjs): expected outputs of shape N×3 for inputs of shape N×1×8×8, got an error: x.notThere is not a function. Build it with the inputShape and classes it is given.",
      "DataError: loadNetwork(FOLDER/array.mjs): expected outputs of shape N×3 for inputs of shape N×1×8×8, got an error: forward(x) does not return a Tensor. Build it with the inputShape and classes it is given.",
      "DataError: loadNetwork(FOLDER/error.mjs): expected outputs of shape N×3 for inputs of shape N×1×8×8, got an error: null. Build it with the inputShape and classes it is given.",
      "Sequential(Flatten(), Linear(64, 3))",
      "Sequential(Flatten(), BatchNorm(64), Linear(64, 3))",
      "Sequential(Flatten(), Linear(64, 3))",
    ]
  `);
});

test("a run remembers where the module lies from its own folder", () => {
  mkdirSync(join(folder, "runs/one"), { recursive: true });
  const { from } = recordNetwork(join(folder, "nets/net.js"), join(folder, "runs/one"), options);
  expect(from).toBe("../../nets/net.js");
  expect(recordNetwork("mlp", folder, options)).toEqual({ from: "mlp", options });
});
