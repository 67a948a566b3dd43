import * as ort from "onnxruntime-web/wasm";

ort.env.wasm.numThreads = 1;

/** Outputs of a model by name, as numbers. */
export type Outputs = Record<string, { readonly dims: readonly number[]; readonly values: Float64Array }>;

/** Runs a float32 model once, with onnxruntime's own optimisation off. */
export async function runOnnx(
  bytes: Uint8Array,
  inputs: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>>,
): Promise<Outputs> {
  const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel: "disabled", logSeverityLevel: 4 });
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, values }]) => [
      name,
      new ort.Tensor("float32", Float32Array.from(values), shape),
    ]),
  );
  const results = await session.run(feeds);
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { dims, data }]) => [
      name,
      { dims, values: Float64Array.from(data as Float32Array, Number) },
    ]),
  );
}

/** The largest difference of two models' outputs, divided by the largest value. */
export function relativeDifference(a: Outputs, b: Outputs): number {
  let worst = 0;
  for (const [name, { values, dims }] of Object.entries(a)) {
    const other = b[name];
    if (other === undefined || String(other.dims) !== String(dims)) return Number.POSITIVE_INFINITY;
    let scale = 0;
    let distance = 0;
    for (let i = 0; i < values.length; i++) {
      scale = Math.max(scale, Math.abs(values[i]));
      distance = Math.max(distance, Math.abs(values[i] - other.values[i]));
    }
    if (Number.isNaN(distance)) return Number.NaN;
    worst = Math.max(worst, distance === 0 ? 0 : distance / scale);
  }
  return worst;
}
