import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkpointFile, writeWhole } from "evenkeel/node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { temporaryFolder } from "../support/idx-files.js";

let folder = "";
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const said = (write: () => void) =>
  expect(() => {
    try {
      write();
    } catch (error) {
      throw new Error(String(error).replaceAll(folder, "FOLDER"));
    }
  });

test("folders that are missing are made, and a file among them is told", () => {
  writeWhole(join(folder, "a", "b", "c.txt"), "text");
  writeWhole(join(folder, "a", "b", "d.txt"), "more");
  expect(readdirSync(join(folder, "a", "b"))).toEqual(["c.txt", "d.txt"]);
  expect(readFileSync(join(folder, "a", "b", "c.txt"), "utf8")).toBe("text");
  said(() => writeWhole(join(folder, "a", "b", "c.txt", "e", "f"), "")).toThrowErrorMatchingInlineSnapshot(
    `[Error: ArgumentError: FOLDER/a/b/c.txt: expected a folder, got a file. Name another place.]`,
  );
});

test.runIf(process.platform !== "win32")("a link is replaced, since it may be somebody else's", () => {
  const place = join(folder, "links");
  writeWhole(join(place, "far", "old.txt"), "old");
  symlinkSync(join("far", "old.txt"), join(place, "near"));
  writeWhole(join(place, "near"), "changed");
  expect(lstatSync(join(place, "near")).isSymbolicLink()).toBe(false);
  expect(readFileSync(join(place, "far", "old.txt"), "utf8")).toBe("old");
});

test.runIf(process.platform !== "win32")(
  "a link that the user names stays, and what it leads to is written",
  async () => {
    const place = join(folder, "named");
    writeWhole(join(place, "far", "old.txt"), "old");
    symlinkSync(join("far", "old.txt"), join(place, "direct"));
    symlinkSync("direct", join(place, "again"));
    symlinkSync(join("far", "new.txt"), join(place, "dangling"));
    for (const name of ["again", "dangling"]) await checkpointFile(join(place, name)).save(new Uint8Array([1, 2]));
    for (const name of ["direct", "again", "dangling"])
      expect(lstatSync(join(place, name)).isSymbolicLink()).toBe(true);
    for (const name of ["old.txt", "new.txt"]) expect([...readFileSync(join(place, "far", name))]).toEqual([1, 2]);
    expect(readdirSync(join(place, "far")).sort()).toEqual(["new.txt", "old.txt"]);
  },
);

test.runIf(existsSync("/proc/self"))("a place where no folder can be made is an answer, not a wait", () => {
  const data = join(folder, "data.csv");
  writeFileSync(data, "x,y\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n7,a\n8,b\n");
  const flags = ["train", "--data", data, "--split", "0.5,0.5", "--out", "/proc/evenkeel/run"];
  const run = spawnSync(process.execPath, ["dist/cli/main.js", ...flags], { encoding: "utf8", timeout: 30_000 });
  expect([run.status, run.stderr]).toMatchInlineSnapshot(`
    [
      1,
      "evenkeel: /proc/evenkeel: expected a place that can be used, got ENOENT: no such file or directory, mkdir '/proc/evenkeel'. Check the path and its permissions.
    ",
    ]
  `);
});
