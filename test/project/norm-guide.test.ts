import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as evenkeel from "evenkeel";
import { type AnyModule, mlp, type NormName } from "evenkeel";
import { expect, test } from "vitest";
import { drawNormCubes } from "../../scripts/draw-norm-cubes.js";
import { messageOf } from "../support/message-of.js";

const docs = join(import.meta.dirname, "../../docs");
const guide = readFileSync(join(docs, "norms.md"), "utf8");

test("the cubes of the field guide are those that the script draws, and each stands in it", () => {
  const drawn = drawNormCubes();
  expect(readdirSync(join(docs, "norms")).sort()).toEqual(Object.keys(drawn).sort());
  for (const [name, text] of Object.entries(drawn)) {
    expect(readFileSync(join(docs, "norms", name), "utf8")).toBe(text);
    expect(guide).toContain(`(norms/${name})`);
  }
});

test("the field guide has every norm, and every name of --norm", () => {
  const bases = ["Norm", "RunningNorm"];
  const classes = Object.entries(evenkeel).filter(([name, value]) => {
    const prototype: unknown = typeof value === "function" ? value.prototype : null;
    const isLayer = prototype instanceof evenkeel.Module || prototype instanceof evenkeel.Norm;
    return isLayer && /Norm$|Standardization$|^Film$|^DynamicTanh$/.test(name) && !bases.includes(name);
  });
  expect(classes.length).toBeGreaterThan(20);
  for (const [name] of classes) expect(guide, name).toContain(`\`${name}\``);
  const refusal = messageOf(() => mlp({ inputShape: [2], classes: 2, norm: "?" as NormName }) as AnyModule);
  const names = refusal.replace(/.*expected (.*), got.*/, "$1").split(", ");
  expect(names).toContain("switchable");
  for (const name of names) expect(guide, name).toContain(`\`${name}\``);
});
