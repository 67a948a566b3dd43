import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FormatError, type Graph, noGrad, type Sequential, scope, type Tensor, tensor } from "evenkeel";
import { importOnnx } from "evenkeel/onnx";
import { ModelProtoSchema, type TensorProto, TensorProtoSchema } from "onnx-buf";
import { readTensor } from "../../src/formats/onnx/file/tensor-values.js";

/** Where Debian's libonnx-testdata puts ONNX's own tests of single nodes. */
const folder = "/usr/share/libonnx-testdata/data/node";

/** Whether the tests are there; in CI they must be. */
export const hasConformanceTests = existsSync(folder);
if (!hasConformanceTests && process.env["CI"]) throw new Error("libonnx-testdata is missing: apt-get install it");

/** A test: a model of one float input, its value, and what each output must be. */
export interface ConformanceTest {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly operators: readonly string[];
  readonly input: TensorProto;
  readonly outputs: readonly (readonly [name: string, value: TensorProto])[];
}

/** What became of a test. */
export interface Verdict {
  readonly outcome: "passed" | "wrong" | "refused" | "refused when it runs";
  readonly message: string;
}

const floats = [1, 11];

function tensorIn(file: string): TensorProto | null {
  if (!existsSync(file)) return null;
  try {
    return fromBinary(TensorProtoSchema, readFileSync(file));
  } catch {
    return null;
  }
}

/** The tests whose first input and first output are float32 or float64, with other inputs made constant. */
export function* conformanceTests(): Iterable<ConformanceTest> {
  for (const name of readdirSync(folder).sort()) {
    const model = fromBinary(ModelProtoSchema, readFileSync(join(folder, name, "model.onnx")));
    const { graph } = model;
    if (graph === undefined) continue;
    const data = join(folder, name, "test_data_set_0");
    const input = tensorIn(join(data, "input_0.pb"));
    const outputs = graph.output.map((one, k) => [one.name, tensorIn(join(data, `output_${k}.pb`))] as const);
    // As the files say it, of which a few hold sequences, which look like tensors.
    if (![input, outputs[0]?.[1]].every((value) => value && floats.includes(value.dataType))) continue;
    const others = graph.input.slice(1).map((one, k) => [one.name, tensorIn(join(data, `input_${k + 1}.pb`))] as const);
    for (const [other, value] of others) {
      if (value !== null) graph.initializer.push({ ...value, name: other });
    }
    graph.input.splice(1);
    const known = outputs.flatMap(([key, value]) => (value === null ? [] : [[key, value] as const]));
    const operators = graph.node.map(({ opType }) => opType);
    yield { name, bytes: toBinary(ModelProtoSchema, model), operators, input: input as TensorProto, outputs: known };
  }
}

function numbersOf(proto: TensorProto): { readonly shape: readonly number[]; readonly data: Float64Array } {
  const values = readTensor(proto, {});
  if (typeof values === "string") throw new Error(values);
  return values;
}

function outputsOf(model: Sequential | Graph, x: Tensor, names: readonly string[]): Readonly<Record<string, Tensor>> {
  const y = (model as unknown as { forward(x: Tensor): Tensor | Record<string, Tensor> }).forward(x);
  return names.length === 1 ? { [names[0]]: y as Tensor } : (y as Record<string, Tensor>);
}

/** Imports a test's model, and runs it. Values may differ by 1e-5, relative to those above 1. */
export async function verdictOf({ bytes, input, outputs }: ConformanceTest): Promise<Verdict> {
  let model: Sequential | Graph;
  try {
    ({ model } = await importOnnx(bytes));
  } catch (refusal) {
    if (!(refusal instanceof FormatError)) throw refusal;
    return { outcome: "refused", message: refusal.received };
  }
  model.eval();
  const names = fromBinary(ModelProtoSchema, bytes).graph?.output.map(({ name }) => name) ?? [];
  const { shape, data } = numbersOf(input);
  return scope(() =>
    noGrad((): Verdict => {
      let made: Readonly<Record<string, Tensor>>;
      try {
        made = outputsOf(model, tensor(Float32Array.from(data), shape), names);
      } catch (refusal) {
        return { outcome: "refused when it runs", message: String(refusal) };
      }
      for (const [name, proto] of outputs) {
        const wanted = numbersOf(proto);
        const y = made[name];
        if (String(y.shape) !== String(wanted.shape)) {
          return { outcome: "wrong", message: `${name} is ${y.shape.join("×")}, not ${wanted.shape.join("×")}` };
        }
        const values = y.dataSync();
        for (const [i, value] of wanted.data.entries()) {
          const isNear = Math.abs(values[i] - value) <= 1e-5 * Math.max(1, Math.abs(value));
          if (isNear || Object.is(values[i], value) || values[i] === value) continue;
          return { outcome: "wrong", message: `${name}[${i}] is ${values[i]}, not ${value}` };
        }
      }
      return { outcome: "passed", message: "" };
    }),
  );
}
