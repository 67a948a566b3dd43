import { join } from "node:path";
import { BatchNorm, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, seed, setBackend, tensor } from "evenkeel";
import { exportTfjs, foldTfjs, type TfjsFiles } from "evenkeel/tfjs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasChromium, type Server, serve, visit } from "../support/chromium.js";
import { hasPeers } from "../support/tfjs-peers.js";

const root = join(import.meta.dirname, "../..");

/**
 * What a page does with the package as it lies on a server, without a bundler, and with TensorFlow.js from a script.
 */
const script = `
import { BatchNorm, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, predict, seed, tensor } from "/dist/index.js";
import { exportTfjs, foldTfjs, inspectTfjs, toTfjsArtifacts, verifyTfjsExport } from "/dist/formats/tfjs/index.js";

const said = {};
const attempt = async (name, run) => {
  try {
    said[name] = await run();
  } catch (error) {
    // What engines say of JSON and modules differs.
    said[name] = error.name + ": " + error.message.split(", got")[0];
  }
};
await tf.setBackend("cpu");
seed(1);
const layers = [new Conv2d(2, 3, 3), new BatchNorm(3), new ReLU(), new MaxPool2d(2), new Flatten(), new Linear(12, 2), new BatchNorm(2)];
const net = new Sequential(...layers);
net.forward(tensor(Float32Array.from({ length: 8 * 72 }, (_, k) => Math.fround(((k * 7919) % 101) / 50 - 1)), [8, 2, 6, 6]));
net.eval();
const ends = { inputShape: [2, 6, 6] };
const files = await exportTfjs(net, ends);
await attempt("norms", () => inspectTfjs(files).norms.map(({ place, foldsInto }) => [place, foldsInto]));
await attempt("exported", async () => (await verifyTfjsExport(files, net, { ...ends, tf })).maxRelative);
const folding = await foldTfjs(files, { tf });
said.folded = folding.folded;
said.verification = folding.verification;
said.bytes = [...folding.files.model, ...Object.values(folding.files.shards).flatMap((bytes) => [...bytes])];
const there = await tf.loadLayersModel(tf.io.fromMemory(toTfjsArtifacts(folding.files)));
said.output = there.predict(tf.zeros([3, 6, 6, 2])).shape;
await attempt("damaged", () => inspectTfjs({ model: files.model.slice(0, 300), shards: files.shards }));
await attempt("incomplete", () => inspectTfjs({ model: files.model, shards: {} }));
await attempt("without", () => foldTfjs(files));
document.body.dataset.said = JSON.stringify(said);
`;

const html = `<!doctype html><html lang="en"><head><title>TF.js</title><link rel="icon" href="data:," />
<script src="/test/peers/node_modules/@tensorflow/tfjs/dist/tf.min.js"></script></head>
<body><script type="module" src="/page.js"></script></body></html>`;

describe.skipIf(!hasChromium || !hasPeers)(
  "in Chromium, evenkeel/tfjs (skipped without /usr/bin/chromium and peers)",
  () => {
    let server: Server;
    beforeAll(async () => {
      setBackend("wasm");
      server = await serve(root, {}, { "/page.html": html, "/page.js": script });
    });
    afterAll(() => server.close());

    test("exports, inspects, verifies and folds Uint8Arrays to the bytes that Node makes", async () => {
      const { said, foreign } = await visit(`${server.url}page.html`, async ({ page, errors, requests }) => {
        await page.waitForFunction("document.body.dataset.said !== undefined", undefined, { timeout: 60_000 });
        expect(errors).toEqual([]);
        const own = [new URL(server.url).origin, "data:", "blob:"];
        return {
          said: JSON.parse(await page.evaluate("document.body.dataset.said")),
          foreign: requests.filter((one) => !own.some((prefix) => one.startsWith(prefix)) || one.includes("node:")),
        };
      });
      expect(foreign).toEqual([]);
      const { exported, verification, bytes, ...rest } = said;
      expect(exported).toBeLessThan(1e-5);
      expect(verification.maxRelative).toBeLessThan(1e-5);
      expect(verification.backend).toBe("cpu");
      expect(rest).toMatchInlineSnapshot(`
        {
          "damaged": "FormatError: inspectTfjs(files): expected JSON",
          "folded": [
            {
              "into": "Conv2D 0",
              "norm": "1",
            },
            {
              "into": "Dense 5",
              "norm": "6",
            },
          ],
          "incomplete": "FormatError: inspectTfjs(files): expected the weight file group1-shard1of1.bin",
          "norms": [
            [
              "1",
              "Conv2D 0",
            ],
            [
              "6",
              "Dense 5",
            ],
          ],
          "output": [
            3,
            2,
          ],
          "without": "MissingPackageError: foldTfjs(files): expected the package @tensorflow/tfjs to run TF.js models",
        }
      `);
      expect(bytes).toEqual(await bytesHere());
    });
  },
);

/** The folded model of the same network, made here. */
async function bytesHere(): Promise<number[]> {
  seed(1);
  const net = new Sequential(
    ...[new Conv2d(2, 3, 3), new BatchNorm(3), new ReLU(), new MaxPool2d(2)],
    ...[new Flatten(), new Linear(12, 2), new BatchNorm(2)],
  );
  const values = Float32Array.from({ length: 8 * 72 }, (_, k) => Math.fround(((k * 7919) % 101) / 50 - 1));
  net.forward(tensor(values, [8, 2, 6, 6]));
  net.eval();
  const { files }: { files: TfjsFiles } = await foldTfjs(await exportTfjs(net, { inputShape: [2, 6, 6] }), {
    verify: false,
  });
  return [...files.model, ...Object.values(files.shards).flatMap((one) => [...one])];
}
