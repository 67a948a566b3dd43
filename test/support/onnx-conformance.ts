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

const words = (text: string): readonly string[] => text.split(" ");

/** What tests are about, by the first word of their names. */
const families: Readonly<Record<string, readonly string[]>> = {
  "arithmetic and functions": words(
    "abs acos acosh add asin asinh atan atanh ceil cos cosh det div erf exp floor log max mean min mod mul neg pow reciprocal round sign sin sinh sqrt sub sum tan",
  ),
  activations: words(
    "celu clip elu hardmax hardsigmoid hardswish leakyrelu logsoftmax prelu relu selu shrink sigmoid softmax softplus softsign tanh thresholdedrelu",
  ),
  "convolution and products": words("basic conv convtranspose einsum gemm matmul"),
  pooling: words("averagepool globalaveragepool globalmaxpool maxpool maxunpool roialign"),
  norms: words("batchnorm instancenorm layer lrn mvn"),
  "reductions and sums": words("cumsum reduce top"),
  "shapes and types": words(
    "cast castlike concat constant depthtospace expand flatten identity reshape slice spacetodepth split squeeze tile transpose unsqueeze",
  ),
  "indices and places": words("compress gather gathernd onehot reversesequence scatter scatternd unique"),
  resizing: words("gridsample resize upsample"),
  losses: words("nllloss sce"),
  recurrent: words("gru lstm rnn simple"),
  "dropout and random numbers": words("bernoulli dropout training"),
  "sequences and loops": words("optional range scan scan9 sequence"),
  "signals and optimisers": words("adagrad adam dft momentum nesterov stft"),
};

/** The family of a test: see {@link families}. */
function familyOf(name: string): string {
  const [, first] = name.split("_");
  const found = Object.entries(families).find(([, names]) => names.includes(first));
  if (found === undefined) throw new Error(`no family of ${name}`);
  return found[0];
}

/** A table of how many tests of each family there are, pass, and are refused at import. */
export function tableOf(verdicts: Readonly<Record<string, Verdict>>): string[] {
  const rows = [...Object.keys(families), "all"].map((family) => {
    const own = Object.entries(verdicts).filter(([name]) => family === "all" || familyOf(name) === family);
    const count = (outcome: Verdict["outcome"]): number => own.filter(([, one]) => one.outcome === outcome).length;
    return [family, String(own.length), String(count("passed")), String(count("refused"))];
  });
  const all = [["family", "tests", "pass", "refused"], ...rows];
  const widths = all[0].map((_, k) => Math.max(...all.map((row) => row[k].length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, k) => cell.padEnd(widths[k])).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  const [head, ...body] = all;
  return [line(head), rule, ...body.map(line)];
}
