import type { Codec, GraphProto, TensorProto, ValueInfoProto } from "../file/codec.js";
import { type ExternalFiles, elementTypeOf, elementTypes, packValues, readTensor } from "../file/tensor-values.js";

/** A copy of a model in which float64 and bfloat16 are float32: onnxruntime-web has few kernels for them. */
export function inFloat32(codec: Codec, bytes: Uint8Array, files: ExternalFiles): Uint8Array {
  const model = codec.read("inFloat32(bytes)", bytes);
  const visit = ({ initializer, input, output, valueInfo, node }: GraphProto): void => {
    for (const tensor of initializer) widen(tensor, files);
    for (const info of [...input, ...output, ...valueInfo]) widenType(info);
    for (const { attribute, opType } of node) {
      for (const one of attribute) {
        if (one.t !== undefined) widen(one.t, files);
        if (opType === "Cast" && one.name === "to" && isWide(Number(one.i))) one.i = BigInt(elementTypes.float32);
        for (const graph of [...(one.g === undefined ? [] : [one.g]), ...one.graphs]) visit(graph);
      }
    }
  };
  if (model.graph !== undefined) visit(model.graph);
  return codec.write(model);
}

function isWide(dataType: number): boolean {
  const type = elementTypeOf(dataType);
  return type === "float64" || type === "bfloat16";
}

function widen(tensor: TensorProto, files: ExternalFiles): void {
  if (!isWide(tensor.dataType)) return;
  const values = readTensor(tensor, files);
  const packed = typeof values === "string" ? null : packValues({ ...values, type: "float32" });
  if (packed === null) return;
  Object.assign(tensor, { dataType: elementTypes.float32, rawData: packed, dataLocation: 0, externalData: [] });
  Object.assign(tensor, { doubleData: [], int32Data: [] });
}

function widenType({ type }: ValueInfoProto): void {
  if (type?.value.case === "tensorType" && isWide(type.value.value.elemType)) {
    type.value.value.elemType = elementTypes.float32;
  }
}
