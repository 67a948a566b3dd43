import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadModel, readSafetensors, seed, setBackend } from "evenkeel";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasChromium, type Server, serve, visit } from "../support/chromium.js";

const root = join(import.meta.dirname, "../..");
const imports = { evenkeel: "/dist/index.js", "evenkeel/browser": "/dist/browser/index.js" };
const page =
  `<!doctype html><link rel="icon" href="data:," />` +
  `<script type="importmap">${JSON.stringify({ imports })}</script>`;

/** A page in a sandbox has no origin. */
const allowingAnyOrigin = { "Access-Control-Allow-Origin": "*" };

/** A worker, which import maps do not reach: it loads the model, predicts, stores what it predicts, and answers. */
const worker = `
  import { loadModel, predict, tensor, writeSafetensors } from "/dist/index.js";
  import { download, indexedDb } from "/dist/browser/index.js";
  const storage = indexedDb("shared");
  const { model, meta } = loadModel(await storage.load("model"));
  const scores = await predict(model.eval(), tensor([[1, 2], [3, -4]]));
  await storage.save("predictions", writeSafetensors({ scores }));
  let refusal = null;
  try {
    download(new Uint8Array(1), "a");
  } catch (error) {
    refusal = error.name + ": " + error.message;
  }
  postMessage({ classes: meta.classes, refusal });
`;

/** Runs a script in the page; text, since the test runner would rewrite the imports of a function. */
function inPage<T>(tab: Page, script: string): Promise<T> {
  return tab.evaluate<T>(`(async () => {
    const { BatchNorm, Linear, Sequential, loadModel, predict, readSafetensors, saveModel, seed, tensor } = await import("evenkeel");
    const { download, indexedDb } = await import("evenkeel/browser");
    const failure = (work) => work.then(() => "nothing", (error) => error.name + ": " + error.message);
    ${script}
  })()`);
}

describe.skipIf(!hasChromium)("evenkeel/browser in Chromium (skipped without /usr/bin/chromium)", () => {
  let server: Server;
  beforeAll(async () => {
    server = await serve(root, allowingAnyOrigin, { "/": page, "/worker.js": worker });
  });
  afterAll(() => server.close());

  test("a page stores a model, a worker loads it and stores predictions, and both outlive the page", async () => {
    await visit(server.url, async ({ page: tab, errors }) => {
      const told = await inPage(
        tab,
        `seed(1);
        const model = new Sequential(new Linear(2, 3), new BatchNorm(3)).eval();
        await indexedDb("shared").save("model", saveModel(model, { classes: ["a", "b", "c"] }));
        const worker = new Worker("/worker.js", { type: "module" });
        return new Promise((resolve, reject) => {
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message }) => reject(new Error("the worker failed: " + message));
        });`,
      );
      expect(told).toMatchInlineSnapshot(`
        {
          "classes": [
            "a",
            "b",
            "c",
          ],
          "refusal": "StorageError: download(bytes, name): expected a page, got a worker. Post the bytes to the page, and call download there.",
        }
      `);
      await tab.reload();
      const after = await inPage<{ keys: string[]; expected: number[]; scores: number[] }>(
        tab,
        `const storage = indexedDb("shared");
        const { model } = loadModel(await storage.load("model"));
        const { scores } = readSafetensors(await storage.load("predictions")).tensors;
        const expected = await predict(model.eval(), tensor([[1, 2], [3, -4]]));
        const keys = await storage.keys();
        return { keys, expected: [...await expected.data()], scores: [...await scores.data()] };`,
      );
      expect(after.keys).toEqual(["model", "predictions"]);
      expect(after.scores).toHaveLength(6);
      expect(after.scores).toEqual(after.expected);
      expect(errors).toEqual([]);
    });
  });

  test("bytes are replaced and deleted by their key, in their own database; of a view, only its own are kept", async () => {
    await visit(server.url, async ({ page: tab }) => {
      const found = await inPage(
        tab,
        `const [storage, other] = [indexedDb(), indexedDb("other")];
        const bytes = new Uint8Array([1, 2, 3, 4]);
        await storage.save("a", bytes.subarray(1, 3));
        const view = await storage.load("a");
        await storage.save("a", new Uint8Array(0));
        await storage.save("b", new Uint8Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer, 0, 2));
        await other.save("c", bytes);
        const seen = [[...view], view.buffer.byteLength, (await storage.load("a")).length, (await storage.load("b")).length];
        const keys = [await storage.keys(), await other.keys()];
        await storage.delete("a");
        await storage.delete("a");
        return [seen, keys, await storage.keys()];`,
      );
      expect(found).toEqual([[[2, 3], 2, 0, 2], [["a", "b"], ["c"]], ["b"]]);
    });
  });

  test("refusals name the method, what it got and the cure", async () => {
    await visit(server.url, async ({ page: tab }) => {
      const browser = await tab.context().newCDPSession(tab);
      // Before anything is stored: Chromium remembers for a while how much room there is.
      await browser.send("Storage.overrideQuotaForOrigin", {
        origin: new URL(server.url).origin,
        quotaSize: 1_000_000,
      });
      const missing = await inPage<string[]>(
        tab,
        `const storage = indexedDb("models");
        const none = await failure(storage.load("digits"));
        for (let k = 0; k < 11; k++) await storage.save("run " + k, new Uint8Array(1));
        return [none, await failure(storage.load("digits"))];`,
      );
      const foreign = await inPage<string[]>(
        tab,
        `const made = (name, version) => new Promise((resolve, reject) => {
          const request = indexedDB.open(name, version);
          request.onsuccess = () => resolve(request.result.close());
          request.onerror = () => reject(request.error);
        });
        await made("older", 1);
        await made("newer", 2);
        return [await failure(indexedDb("older").keys()), await failure(indexedDb("newer").keys())];`,
      );
      const sandboxed = await tab.evaluate<string>(`new Promise((resolve) => {
        addEventListener("message", ({ data }) => resolve(data));
        const frame = document.createElement("iframe");
        frame.sandbox = "allow-scripts";
        const code = 'import("' + location.origin + '/dist/browser/index.js").then(({ indexedDb }) => indexedDb().keys())' +
          '.catch((error) => parent.postMessage(error.name + ": " + error.message, "*"));';
        frame.srcdoc = '<script type="module">' + code + "</" + "script>";
        document.body.append(frame);
      })`);
      const full = await inPage<string[]>(
        tab,
        `const storage = indexedDb("models");
        await storage.save("kept", new Uint8Array([7]));
        // Chromium compresses what it can.
        let state = 1;
        const noise = new Uint8Array(5_000_000).map(() => (state = Math.imul(state, 1664525) + 1013904223 | 0) >>> 24);
        const refusal = await failure(storage.save("kept", noise));
        return [refusal, String((await storage.load("kept")).subarray(0, 3))];`,
      );
      expect([...missing, ...foreign, sandboxed, ...full]).toMatchInlineSnapshot(`
        [
          "StorageError: indexedDb("models").load(key): expected a stored key, got "digits". Save bytes under this key first, or ask keys() for those that are stored.",
          "StorageError: indexedDb("models").load(key): expected one of "run 0", "run 1", "run 10", "run 2", "run 3", "run 4", "run 5", "run 6", "run 7", "run 8", …, got "digits". Save bytes under this key first, or ask keys() for those that are stored.",
          "StorageError: indexedDb("older").keys(): expected a database that indexedDb made, got NotFoundError: Failed to execute 'transaction' on 'IDBDatabase': One of the specified object stores was not found. Choose another name: this one belongs to another program.",
          "StorageError: indexedDb("newer").keys(): expected a database that indexedDb made, got VersionError: The requested version (1) is less than the existing version (2). Choose another name: this one belongs to another program.",
          "StorageError: indexedDb().keys(): expected permission to store, got SecurityError: Failed to execute 'open' on 'IDBFactory': access to the Indexed Database API is denied in this context. Allow the site to store data, and serve it over http or https.",
          "StorageError: indexedDb("models").save(key, bytes): expected room for the bytes, got QuotaExceededError. Delete keys that are not needed, or free space on the disk.",
          "7",
        ]
      `);
    });
  });

  test("a download holds the bytes of a model and of predictions, under its name", async () => {
    await visit(server.url, async ({ page: tab }) => {
      const files: Uint8Array[] = [];
      for (const [script, name] of [
        [`download(saveModel(new Linear(2, 3)), "model.safetensors")`, "model.safetensors"],
        [`download("a,b\\n1,2\\n", "predictions.csv")`, "predictions.csv"],
      ]) {
        const [started] = await Promise.all([tab.waitForEvent("download"), inPage(tab, `seed(4); ${script};`)]);
        expect(started.suggestedFilename()).toBe(name);
        files.push(readFileSync(await started.path()));
      }
      setBackend("wasm");
      seed(4);
      expect(String(loadModel(files[0]).model)).toBe("Linear(2, 3)");
      expect(Object.keys(readSafetensors(files[0]).tensors)).toEqual(["weight", "bias"]);
      expect(new TextDecoder().decode(files[1])).toBe("a,b\n1,2\n");
    });
  });
});
