import { spawn } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { evenkeelIn } from "../support/command.js";
import { temporaryFolder, writeSmallImages } from "../support/idx-files.js";

let folder = "";
beforeAll(() => {
  folder = temporaryFolder();
  writeSmallImages(join(folder, "data"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const page = (run: string): string => readFileSync(join(folder, run, "report.html"), "utf8");

/** What a page on this machine answers. */
function ask(address: string, headers: Readonly<Record<string, string>> = {}): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(address.replace("localhost", "127.0.0.1"), { headers, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ code: response.statusCode ?? 0, text }));
    });
    asked.on("error", reject).end();
  });
}

test("a run that diverges leaves a report that says so", () => {
  const flags = "--out diverged --lr 1e20 --optimizer sgd --norm none --epochs 9".split(" ");
  const { code, stdout } = evenkeelIn(folder, "train", "--data", "data", ...flags);
  expect(code).toBe(1);
  expect(stdout).toContain("wrote diverged/report.html");
  expect(page("diverged")).toContain("Diverged:");
});

test("live curves are served until the run ends; an interrupted run has a report with the warnings printed", async () => {
  const flags = "train --data data --out watched --epochs 5000 --watch --norm-momentum 0.1 --checkpoint-every 1";
  const child = spawn(process.execPath, [resolve("dist/cli/main.js"), ...flags.split(" ")], { cwd: folder });
  let said = "";
  const address = await new Promise<string>((found) => {
    child.stdout.on("data", (chunk) => {
      said += chunk;
      const [text] = /http:\/\/localhost:\d+\//.exec(said) ?? [];
      if (text !== undefined) found(text);
    });
  });
  const ended = new Promise<number | null>((done) => child.on("close", done));
  let live = await ask(address);
  for (let tries = 0; !live.text.includes("Learning curves") && tries < 100; tries++) live = await ask(address);
  expect([live.code, live.text.includes('http-equiv="refresh"')]).toEqual([200, true]);
  expect(live.text).toContain("<h2 id=");
  expect((await ask(`${address}metrics.jsonl`)).code).toBe(404);
  expect((await ask(address, { host: "elsewhere.example" })).code).toBe(404);
  child.kill("SIGINT");
  expect(await ended).toBe(130);
  expect(said).toContain("wrote watched/report.html");
  expect(page("watched")).toContain("Interrupted:");
  expect(page("watched")).toMatch(/Warning:.*PyTorch/s);
  await expect(ask(address)).rejects.toThrow("ECONNREFUSED");
});

test("the mistakes of a table stand in its report as its file has them", () => {
  const rows = Array.from(
    { length: 60 },
    (_, k) => `${k % 7 === 0 ? "" : `${k * 1000} kg`},${k % 3 === 0 ? "red" : "blue"},${(k * 37) % 11}`,
  );
  writeFileSync(join(folder, "table.csv"), `weight,colour,price\n${rows.join("\n")}\n`);
  const { code, stdout } = evenkeelIn(
    folder,
    ..."train --data table.csv --task regression --out table --epochs 1 --seed 1".split(" "),
  );
  expect(code).toBe(0);
  expect(stdout).toContain("wrote table/report.html");
  const text = page("table");
  const [body] = text.slice(text.indexOf("by their rows in the file")).split("</table>");
  const found = [...body.matchAll(/<tr>\s*<t[hd][^>]*>(\d+)<\/t[hd]>(.*?)<\/tr>/gs)];
  expect(found).toHaveLength(6);
  for (const [, row, cells] of found) {
    const [weight, colour] = rows[Number(row) - 2].split(",");
    expect(cells).toContain(`>${weight === "" ? "missing" : weight}<`);
    expect(cells).toContain(`>${colour}<`);
  }
});
