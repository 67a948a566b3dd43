import { foldTfjs, inspectTfjs } from "evenkeel/tfjs";
import { beforeAll, describe, expect, test } from "vitest";
import { type Builders, hasPeers, nsfwModel, tensorFlow } from "../support/tfjs-peers.js";

describe.skipIf(!hasPeers)("models of nsfwjs (skipped without npm ci --prefix test/peers)", () => {
  let tf: Builders;
  beforeAll(async () => {
    tf = await tensorFlow();
  });

  test.each([
    ["mobilenet_v2", 52],
    ["inception_v3", 94],
  ] as const)("%s: all of its %i norms fold, and it predicts the same in TF.js", async (name, count) => {
    const files = await nsfwModel(name);
    const { norms } = inspectTfjs(files);
    expect(norms.map(({ kind }) => kind)).toEqual(Array(count).fill("BatchNormalization"));
    const { folded, left, verification, files: result } = await foldTfjs(files, { tf });
    console.log(name, left, verification, norms[0]);
    expect(folded).toHaveLength(count);
    expect(left).toEqual([]);
    expect(inspectTfjs(result).norms).toEqual([]);
    expect(verification?.maxRelative).toBeLessThan(1e-4);
  });
});
