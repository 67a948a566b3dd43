import { FormatError } from "../../../errors.js";
import { Codec, type ModelProto, type TensorProto } from "../file/codec.js";
import type { ExternalFiles } from "../file/tensor-values.js";
import { externalBytes } from "../file/tensor-values.js";
import { OnnxModel } from "./onnx-model.js";

/** Files begin at pages, so that whoever runs the model can still map the tensors into memory. */
const page = 4096;

/**
 * The names of the files in which a model keeps tensors outside itself, as it gives them: paths from its own folder.
 *
 * @param where - what messages call it
 * @param bytes - an .onnx file
 * @throws FormatError if it is no ONNX model
 * @throws MissingPackageError if onnx-buf or @bufbuild/protobuf is not installed
 */
export async function onnxExternalFiles(where: string, bytes: Uint8Array): Promise<string[]> {
  // Checks the graph too, so that what is wrong with it is told by the file's name.
  const { proto } = await OnnxModel.read(where, bytes);
  return [...new Set(externalTensors(proto).map(locationOf))];
}

/** A model whose tensors outside itself lie in one file. */
export interface MovedModel {
  readonly bytes: Uint8Array;
  /** That file; null where the model keeps all tensors itself, and its bytes are those that came. */
  readonly data: Uint8Array | null;
}

/**
 * Gathers the tensors that a model keeps outside itself in one file, and makes the model name that: a model from
 * elsewhere must not choose which files are written beside a copy of it.
 *
 * @param where - what messages call it
 * @param bytes - an .onnx file
 * @param files - where its tensors are, by the names it gives
 * @param nameOf - what the file of these bytes will be called, beside the model
 * @throws FormatError if a tensor is in none of the files
 */
export async function gatherExternalData(
  where: string,
  bytes: Uint8Array,
  files: ExternalFiles,
  nameOf: (data: Uint8Array) => string,
): Promise<MovedModel> {
  const codec = await Codec.load(where);
  const model = codec.read(where, bytes);
  const tensors = externalTensors(model);
  if (tensors.length === 0) return { bytes, data: null };
  // Whole files one after another: tensors may share bytes, and go on sharing them.
  const starts = new Map<string, number>();
  let end = 0;
  const places = tensors.map((tensor) => {
    const found = externalBytes(tensor, files);
    if (typeof found === "string") throw missing(where, tensor, found);
    const name = locationOf(tensor);
    const start = starts.get(name) ?? Math.ceil(end / page) * page;
    if (!starts.has(name)) end = start + files[name].length;
    starts.set(name, start);
    return { offset: start + found.byteOffset - files[name].byteOffset, length: found.length };
  });
  const data = new Uint8Array(end);
  for (const [name, start] of starts) data.set(files[name], start);
  const location = nameOf(data);
  for (const [k, tensor] of tensors.entries()) {
    const { offset, length } = places[k];
    const entries = { location, offset: String(offset), length: String(length) };
    tensor.externalData = Object.entries(entries).map(([key, value]) => codec.entry(key, value));
  }
  return { bytes: codec.write(model), data };
}

function locationOf({ externalData }: TensorProto): string {
  return externalData.findLast(({ key }) => key === "location")?.value ?? "";
}

/** Every tensor of a model, wherever it stands, whose values lie in a file of their own. */
function externalTensors(model: ModelProto): TensorProto[] {
  const found: TensorProto[] = [];
  const waiting: object[] = [model];
  for (let message = waiting.pop(); message !== undefined; message = waiting.pop()) {
    if (isTensor(message) && message.dataLocation === 1) found.push(message);
    for (const value of Object.values(message)) {
      const first: unknown = Array.isArray(value) ? value[0] : value;
      // Numbers and texts are no messages, nor are bytes.
      if (typeof first !== "object" || first === null || first instanceof Uint8Array) continue;
      if (Array.isArray(value)) for (const one of value.toReversed()) waiting.push(one);
      else waiting.push(value);
    }
  }
  return found;
}

function isTensor(message: object): message is TensorProto {
  return "$typeName" in message && message.$typeName === "onnx.TensorProto";
}

function missing(where: string, { name }: TensorProto, why: string): FormatError {
  return new FormatError({
    where,
    expected: `the values of ${JSON.stringify(name.slice(0, 100))}`,
    received: `none: ${why}`,
    cure: "Put the model's files beside it: no model is written without its weights.",
  });
}
