import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-web";
import { DataError, MissingPackageError } from "../../errors.js";
import { formatShape } from "../../shape.js";
import type { DeclaredInput, ModelArray, ModelArrays } from "../foreign/arrays.js";
import { halfToNumber, numberToHalf } from "../half.js";
import type { ExternalFiles } from "./file/tensor-values.js";

type Ort = typeof import("onnxruntime-web");

/** Numbers that a model gave. */
export interface OnnxOutput {
  readonly shape: readonly number[];
  readonly values: Float32Array | Float64Array;
}

/** A model loaded into onnxruntime, on one thread. */
export interface OnnxSession {
  readonly inputs: readonly DeclaredInput[];
  readonly outputs: readonly string[];
  run(inputs: ModelArrays): Promise<Record<string, OnnxOutput>>;
  release(): Promise<void>;
}

/** What a session takes besides the model. */
interface SessionOptions {
  readonly files?: ExternalFiles;
  /** What to do where onnxruntime refuses the model. @defaultValue to see what it says */
  readonly cure?: string;
}

/**
 * Loads a model into onnxruntime-web's WebAssembly backend, without onnxruntime's own optimisation.
 *
 * @throws MissingPackageError if onnxruntime-web is not installed
 * @throws DataError if onnxruntime refuses the model
 */
export async function openSession(
  where: string,
  bytes: Uint8Array,
  { files = {}, cure }: SessionOptions = {},
): Promise<OnnxSession> {
  const ort = await loadOrt(where);
  let session: InferenceSession;
  try {
    session = await ort.InferenceSession.create(bytes, {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "disabled",
      logSeverityLevel: 4,
      externalData: Object.entries(files).map(([path, data]) => ({ path, data })),
    });
  } catch (cause) {
    throw refusal(where, "a model that onnxruntime loads", cause, cure);
  }
  const inputs = session.inputMetadata.map((one): DeclaredInput => {
    if (!one.isTensor) {
      const expected = "a model whose inputs are tensors";
      throw new DataError({ where, expected, received: `${one.name}, which is none`, cure: "Rewrite its inputs." });
    }
    return { name: one.name, type: one.type, shape: one.shape };
  });
  return {
    inputs,
    outputs: session.outputNames,
    async run(arrays) {
      const feeds = Object.fromEntries(
        inputs.map(({ name, type }) => [name, toTensor(ort, where, name, type, arrays[name])]),
      );
      let results: InferenceSession.ReturnType;
      try {
        results = await session.run(feeds);
      } catch (cause) {
        throw refusal(where, "inputs that the model takes", cause);
      }
      return Object.fromEntries(
        Object.entries(results).map(([name, result]) => [name, { shape: [...result.dims], values: toNumbers(result) }]),
      );
    },
    release: () => session.release(),
  };
}

async function loadOrt(where: string): Promise<Ort> {
  let ort: Ort;
  try {
    ort = await import("onnxruntime-web/wasm");
  } catch (cause) {
    throw new MissingPackageError({ where, package: "onnxruntime-web", purpose: "to run ONNX models" }, { cause });
  }
  // Threads of its own would need workers, which Node lacks, and an isolated page.
  if (!ort.env.wasm.numThreads) ort.env.wasm.numThreads = 1;
  return ort;
}

function refusal(
  where: string,
  expected: string,
  cause: unknown,
  cure = "See what onnxruntime says about it.",
): DataError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const received = text.replaceAll(/\s+/g, " ").trim().replace(/\.$/, "");
  return new DataError({ where, expected, received: `its error: ${received}`, cure }, { cause });
}

function toTensor(ort: Ort, where: string, name: string, type: string, array: ModelArray | undefined): OrtTensor {
  if (array === undefined) {
    throw new DataError({ where, expected: `values for the input ${name}`, received: "none", cure: "Pass them too." });
  }
  const { shape, values } = array;
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (values.length !== size) {
    const expected = `${size} values for the input ${name} of shape ${formatShape(shape)}`;
    throw new DataError({ where, expected, received: String(values.length), cure: "Pass as many as its shape says." });
  }
  switch (type) {
    case "float16":
      return new ort.Tensor(type, Uint16Array.from(values, numberToHalf) as never, shape);
    case "float64":
      return new ort.Tensor(type, Float64Array.from(values), shape);
    case "int64":
      return new ort.Tensor(type, BigInt64Array.from(Array.from(values, (value) => BigInt(Math.trunc(value)))), shape);
    case "int32":
      return new ort.Tensor(type, Int32Array.from(values), shape);
    case "uint8":
      return new ort.Tensor(type, Uint8Array.from(values), shape);
    case "int8":
      return new ort.Tensor(type, Int8Array.from(values), shape);
    case "bool":
      return new ort.Tensor(type, Uint8Array.from(values, Number), shape);
    case "float32":
      return new ort.Tensor(type, Float32Array.from(values), shape);
    default:
      throw new DataError({
        where,
        expected: `an input of numbers for ${name}`,
        received: `one of ${type}`,
        cure: "Rewrite the model to take numbers.",
      });
  }
}

function toNumbers({ type, data }: OrtTensor): OnnxOutput["values"] {
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  // float16 comes as its bits, or as numbers where the engine has Float16Array.
  if (type === "float16" && data instanceof Uint16Array) return Float32Array.from(data, halfToNumber);
  if (type === "string") return new Float64Array(0);
  return Float64Array.from(data as ArrayLike<number>, Number);
}
