import type { AnyModule } from "../../../nn/module.js";
import { checkOptions } from "../../../options.js";
import { type ExportVerification, OutputDifference } from "../../foreign/comparison.js";
import { networkOutputs } from "../../foreign/network-outputs.js";
import { randomInputs } from "../../foreign/trial-inputs.js";
import { openSession } from "../runtime.js";

/** Options of {@link verifyOnnxExport}. */
export interface VerifyOnnxExportOptions {
  /** The largest relative difference that passes. @defaultValue 1e-4 */
  readonly tolerance?: number | undefined;
}

/** As many as batch statistics need to be no cause for a warning. */
const samples = 8;

/**
 * Runs what {@link exportOnnx} has made in onnxruntime, and the network itself in evaluation mode, on the same seeded
 * noise: all inputs and outputs.
 *
 * @throws VerificationError if they differ by more
 * @throws DataError if onnxruntime refuses the file
 * @throws MissingPackageError if onnxruntime-web is not installed
 */
export async function verifyOnnxExport(
  bytes: Uint8Array,
  model: AnyModule,
  options: VerifyOnnxExportOptions = {},
): Promise<ExportVerification> {
  const { tolerance = 1e-4 } = options;
  const where = "verifyOnnxExport(bytes, model)";
  checkOptions(where, options, { tolerance: true });
  const session = await openSession(where, bytes);
  try {
    const inputs = randomInputs(where, session.inputs, {}, { batch: samples, other: 1 });
    const results = await session.run(inputs);
    const expected = await networkOutputs(
      model,
      session.inputs.map(({ name }) => inputs[name]),
    );
    const comparison = new OutputDifference();
    for (const [k, output] of expected.entries()) comparison.add(output, results[session.outputs[k]]);
    const cure = "Do not use the file; raise the tolerance if that is acceptable.";
    return { ...comparison.check(where, tolerance, "onnxruntime to give what the network gives", cure), samples };
  } finally {
    await session.release();
  }
}
