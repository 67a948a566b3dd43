import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { afterEach, expect, test } from "vitest";
import { evenkeelIn } from "../support/command.js";

let server: ChildProcess | null = null;
afterEach(() => {
  server?.kill("SIGKILL");
  server = null;
});

/** Starts the command, and gives the address that it prints. */
async function play(...args: string[]): Promise<string> {
  const child = spawn(process.execPath, [resolve("dist/cli/main.js"), "play", ...args], { stdio: "pipe" });
  server = child;
  let said = "";
  for await (const text of child.stdout) {
    said += text;
    const address = /http:\S+/.exec(said)?.[0];
    if (address !== undefined) return address;
  }
  throw new Error(`no address: ${said}`);
}

test("serves the page and its files, isolated, and nothing else", async () => {
  const address = await play("--port", "0");
  expect(address).toMatch(/^http:\/\/localhost:\d+\/$/);
  const page = await fetch(address);
  expect(page.headers.get("cross-origin-opener-policy")).toBe("same-origin");
  expect(page.headers.get("cross-origin-embedder-policy")).toBe("require-corp");
  const html = await page.text();
  const script = /src="\.\/([^"]+\.js)"/.exec(html)?.[1] ?? "none";
  const loaded = await fetch(address + script);
  expect([loaded.status, loaded.headers.get("content-type")]).toEqual([200, "text/javascript; charset=utf-8"]);
  for (const path of ["../index.js", "..%2findex.js", "%2e%2e/index.js", "assets/", "nothing.html"]) {
    expect((await fetch(address + path)).status).toBe(404);
  }
  expect((await fetch(address, { method: "POST" })).status).toBe(405);
});

test("ends with 0 at Ctrl-C, also with a connection open", async () => {
  const address = await play("--port", "0");
  await fetch(address);
  const ended = new Promise((done) => server?.once("exit", (code) => done(code)));
  server?.kill("SIGINT");
  expect(await ended).toBe(0);
});

test("a port that is taken, or none, is refused", async () => {
  const other = createServer();
  await new Promise<void>((listening) => other.listen(0, "127.0.0.1", listening));
  const bound = other.address();
  const port = String(typeof bound === "object" ? bound?.port : 0);
  const taken = evenkeelIn(tmpdir(), "play", "--port", port);
  other.close();
  expect([taken.code, taken.stderr.replaceAll(port, "PORT")]).toMatchInlineSnapshot(`
    [
      1,
      "evenkeel: --port PORT: expected a port that this process may listen on, got one that another process uses. Pass another, or 0 for a free one.
    ",
    ]
  `);
  expect(evenkeelIn(tmpdir(), "play", "--port", "70000").stderr).toMatchInlineSnapshot(`
    "evenkeel: --port: expected a port of at most 65535, got 70000. Pass a smaller one.
    "
  `);
});
