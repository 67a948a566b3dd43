import { BackendError } from "../../errors.js";
import { checkOptions } from "../../options.js";
import type { Backend } from "../backend.js";
import { memory } from "./blocks.js";
import { convolutions } from "./conv.js";
import { type DeviceDescription, openDevice, type WebgpuOptions } from "./device.js";
import { elementwise } from "./elementwise.js";
import { expectations, Findings } from "./expectations.js";
import { matrixProducts } from "./gemm.js";
import { lookups } from "./lookups.js";
import { losses } from "./losses.js";
import type { GpuBlock } from "./memory.js";
import { normalization } from "./normalization.js";
import { optimization } from "./optimization.js";
import { pooling } from "./pooling.js";
import { Reader } from "./read.js";
import { Recorder } from "./recorder.js";
import { recurrences } from "./recurrences.js";
import { reductions } from "./reductions.js";
import { summaries } from "./summary.js";

/** The backend on one device. */
export interface WebgpuBackend {
  readonly backend: Backend<GpuBlock>;
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly description: DeviceDescription;
}

/** All members, on a device. */
function membersOn(recorder: Recorder, reader: Reader, findings: Findings): Backend<GpuBlock> {
  const norms = normalization(recorder);
  return {
    name: "webgpu",
    answersAtOnce: false,
    ...memory(recorder, reader),
    ...elementwise(recorder),
    ...reductions(recorder),
    ...matrixProducts(recorder),
    ...lookups(recorder),
    ...convolutions(recorder),
    ...pooling(recorder),
    ...norms,
    ...recurrences(recorder),
    ...summaries(recorder, norms),
    ...losses(recorder),
    ...optimization(recorder),
    ...expectations(findings),
  };
}

/** Opens a device and makes the backend on it. */
export async function startOn(where: string, options: WebgpuOptions): Promise<WebgpuBackend> {
  checkOptions(where, options, { device: true, powerPreference: true });
  const { device, description } = await openDevice(where, options);
  const recorder = new Recorder(device);
  device.addEventListener("uncapturederror", ({ error }) => {
    recorder.fail(refusalOf(error.message));
  });
  const findings = new Findings(recorder);
  const reader = new Reader(recorder, findings);
  return { backend: membersOn(recorder, reader, findings), recorder, reader, description };
}

/** What the device found wrong with a command: a defect of this backend, never an old output. */
function refusalOf(message: string): BackendError {
  return new BackendError({
    where: "the webgpu backend",
    expected: "commands that the device accepts",
    received: `its refusal: ${message.trim()}`,
    cure: "Run the self-test (npx evenkeel selftest), and report what it prints.",
  });
}
