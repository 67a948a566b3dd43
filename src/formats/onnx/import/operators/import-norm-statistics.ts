import type { Argument } from "../../../../graph/argument.js";
import { intOf } from "../../file/attributes.js";
import { epsOf } from "../../graph/batch-norm-node.js";
import type { ImportStep } from "../import-step.js";
import { rounded } from "../imported-layer.js";
import { importLayer } from "./import-layers.js";

/** A layer norm, with the mean and 1/σ that it divides by where something reads them. */
export function importLayerNormOf(at: ImportStep): Argument[] {
  const { node, graph } = at;
  const y = importLayer(at);
  const isRead = (name: string | undefined): boolean =>
    name !== undefined && name !== "" && (graph.readerCount(name) > 0 || graph.isOutput(name));
  const [, mean, deviation] = node.output;
  if (!isRead(mean) && !isRead(deviation)) return [y];
  const rank = at.rank(0);
  const first = at.resolve(intOf(node, "axis", -1), rank);
  const axes = Array.from({ length: rank - first }, (_, k) => first + k);
  const x = at.input(0);
  const variance = at.op("variance", x, axes, { keepDims: true });
  const inverse = at.op("rsqrt", at.op("add", variance, rounded(epsOf(node))));
  return [y, at.op("mean", x, axes, { keepDims: true }), inverse];
}
