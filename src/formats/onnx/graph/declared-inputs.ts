import type { DeclaredInput } from "../../foreign/arrays.js";
import type { ValueInfoProto } from "../file/codec.js";
import { elementTypeOf } from "../file/tensor-values.js";
import type { OnnxModel } from "./onnx-model.js";

/** What whoever runs a model passes to it: inputs that have no value of their own. */
export function declaredInputs({ main }: OnnxModel): DeclaredInput[] {
  return main.proto.input.filter(({ name }) => main.isInput(name)).map(declaredInput);
}

function declaredInput({ name, type }: ValueInfoProto): DeclaredInput {
  if (type?.value.case !== "tensorType") return { name, type: type?.value.case ?? "unknown", shape: [] };
  const { elemType, shape } = type.value.value;
  const sizes = (shape?.dim ?? []).map(({ value }) =>
    value.case === "dimValue" ? Number(value.value) : (value.value ?? "?"),
  );
  return { name, type: elementTypeOf(elemType) ?? "unknown", shape: sizes };
}
