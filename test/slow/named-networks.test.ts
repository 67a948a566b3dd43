import { setBackend } from "evenkeel";
import { namedNetworks } from "evenkeel/networks";
import { afterEach, beforeAll, describe, test } from "vitest";
import { expectClose } from "../support/close.js";
import { describeNetwork, largeOutputs } from "../support/named-networks.js";

beforeAll(() => setBackend("wasm"));
// Networks of hundreds of megabytes are freed when the collector has run and the event loop has turned.
afterEach(async () => {
  globalThis.gc?.();
  await new Promise((resolve) => setImmediate(resolve));
});

describeNetwork("resnet18", { norms: [20, 0] });
describeNetwork("resnet34", { norms: [36, 0] });
describeNetwork("resnet50", { norms: [53, 0], tolerance: 3e-3 });
describeNetwork("mobilenetV2", { norms: [52, 0], tolerance: 1e-3 });
describeNetwork("efficientnetB0", { norms: [49, 0] });
// Between a concatenation and a ReLU there is no layer that could take a norm.
describeNetwork("densenet121", { norms: [121, 62], tolerance: 1e-3 });
describeNetwork("convnextTiny", { norms: [0, 0] });
describeNetwork("nfnet", { norms: [0, 0] });
describeNetwork("unet", { norms: [18, 0] });

describe("one image of 224×224 pixels", () => {
  test.each(Object.keys(namedNetworks) as (keyof typeof namedNetworks)[])(
    "%s predicts what PyTorch predicts",
    (name) => {
      const { actual, expected } = largeOutputs(name);
      expectClose(actual, expected, 5e-6);
    },
  );
});
