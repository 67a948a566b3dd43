import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadRun } from "evenkeel/node";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/idx-files.js";

test("weights of PyTorch are no model, and the error says how they become one", async () => {
  const messages = ["weights.pt", "WEIGHTS.PTH"].map(async (name) => {
    const path = join(temporaryFolder(), name);
    writeFileSync(path, "");
    const error: unknown = await loadRun(path).catch((cause: unknown) => cause);
    return String(error).replace(path, name);
  });
  expect(await Promise.all(messages)).toMatchInlineSnapshot(`
    [
      "DataError: loadRun(weights.pt): expected the folder of a run or a .safetensors file, got weights of PyTorch, without their network. In code, build the network, load what readTorch gives, and saveModel writes what is taken here.",
      "DataError: loadRun(WEIGHTS.PTH): expected the folder of a run or a .safetensors file, got weights of PyTorch, without their network. In code, build the network, load what readTorch gives, and saveModel writes what is taken here.",
    ]
  `);
});
