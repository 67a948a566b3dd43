import { Codec, type GraphProto, type TensorProto } from "./codec.js";

/**
 * The names of the files in which a model keeps tensors outside itself, as it gives them: paths from its own folder.
 *
 * @param bytes - an .onnx file
 * @throws FormatError if it is no ONNX model
 * @throws MissingPackageError if onnx-buf or @bufbuild/protobuf is not installed
 */
export async function onnxExternalFiles(bytes: Uint8Array): Promise<string[]> {
  const where = "onnxExternalFiles(bytes)";
  const { graph } = (await Codec.load(where)).read(where, bytes);
  const names = new Set<string>();
  const see = ({ dataLocation, externalData }: TensorProto): void => {
    if (dataLocation === 1) for (const { key, value } of externalData) if (key === "location") names.add(value);
  };
  const visit = ({ initializer, node }: GraphProto): void => {
    initializer.forEach(see);
    for (const { t, tensors, g, graphs } of node.flatMap(({ attribute }) => attribute)) {
      for (const tensor of [...(t === undefined ? [] : [t]), ...tensors]) see(tensor);
      for (const inner of [...(g === undefined ? [] : [g]), ...graphs]) visit(inner);
    }
  };
  if (graph !== undefined) visit(graph);
  return [...names];
}
