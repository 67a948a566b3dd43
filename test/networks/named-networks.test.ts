import { setBackend } from "evenkeel";
import { beforeAll } from "vitest";
import { describeNetwork, describePredictions } from "../support/named-networks.js";

beforeAll(() => setBackend("wasm"));

// The rest, and the larger networks, are in test/slow/named-networks.test.ts.
describeNetwork("mobilenetV3Small", { norms: [34, 0] });
describeNetwork("vitTiny", { norms: [0, 0] });
describePredictions("mobilenetV2");
describePredictions("efficientnetB0");
describePredictions("nfnet");
