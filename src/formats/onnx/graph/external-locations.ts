import type { TensorProto } from "../file/codec.js";
import { OnnxModel } from "./onnx-model.js";

/**
 * The names of the files in which a model keeps tensors outside itself, as it gives them: paths from its own folder.
 *
 * @param where - what messages call it
 * @param bytes - an .onnx file
 * @throws FormatError if it is no ONNX model
 * @throws MissingPackageError if onnx-buf or @bufbuild/protobuf is not installed
 */
export async function onnxExternalFiles(where: string, bytes: Uint8Array): Promise<string[]> {
  const names = new Set<string>();
  const see = ({ dataLocation, externalData }: TensorProto): void => {
    if (dataLocation === 1) for (const { key, value } of externalData) if (key === "location") names.add(value);
  };
  const model = await OnnxModel.read(where, bytes);
  for (const { proto } of [...model.graphs(), ...model.functions]) {
    proto.initializer.forEach(see);
    for (const { t, tensors } of proto.node.flatMap(({ attribute }) => attribute)) {
      for (const tensor of [...(t === undefined ? [] : [t]), ...tensors]) see(tensor);
    }
  }
  return [...names];
}
