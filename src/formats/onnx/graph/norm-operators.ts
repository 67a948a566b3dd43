import { floatOf, isStandard } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";

/** What is known of an operator that normalises. */
export interface NormOperator {
  /** Its parameters, by their place among its inputs. */
  readonly parameters: Readonly<Record<string, number>>;
  /** The attribute that is added under the root or to the norm, and what it is if the file does not say. */
  readonly eps: readonly [attribute: string, absent: number] | null;
  /** Whether it belongs to com.microsoft, not to ONNX. */
  readonly isForeign?: boolean;
}

const affine = { weight: 1, bias: 2 };

const kinds: Readonly<Record<string, NormOperator>> = {
  BatchNormalization: { parameters: { ...affine, mean: 3, variance: 4 }, eps: ["epsilon", 1e-5] },
  InstanceNormalization: { parameters: affine, eps: ["epsilon", 1e-5] },
  LayerNormalization: { parameters: affine, eps: ["epsilon", 1e-5] },
  GroupNormalization: { parameters: affine, eps: ["epsilon", 1e-5] },
  RMSNormalization: { parameters: { weight: 1 }, eps: ["epsilon", 1e-5] },
  MeanVarianceNormalization: { parameters: {}, eps: null },
  LpNormalization: { parameters: {}, eps: null },
  LRN: { parameters: {}, eps: ["bias", 1] },
  // onnxruntime's fusions write it without a domain.
  SimplifiedLayerNormalization: { parameters: { weight: 1 }, eps: ["epsilon", 1e-5] },
  SkipLayerNormalization: { parameters: { weight: 2, bias: 3 }, eps: ["epsilon", 1e-12], isForeign: true },
  SkipSimplifiedLayerNormalization: { parameters: { weight: 2 }, eps: ["epsilon", 1e-12], isForeign: true },
  GroupNorm: { parameters: affine, eps: ["epsilon", 1e-5], isForeign: true },
};

/** What kind of normalisation a node is; undefined if it is none. */
export function normOperatorOf(node: NodeProto): NormOperator | undefined {
  const kind = Object.hasOwn(kinds, node.opType) ? kinds[node.opType] : undefined;
  const isHere = kind?.isForeign ? node.domain === "com.microsoft" : isStandard(node);
  return isHere ? kind : undefined;
}

/** What is added under the root; null where the kind has none. */
export function normEpsOf(node: NodeProto, { eps }: NormOperator): number | null {
  // To the seven digits that a float32 holds: 1e-5 is 0.000009999999747378752 in the file.
  return eps === null ? null : Number(floatOf(node, eps[0], eps[1]).toPrecision(7));
}
