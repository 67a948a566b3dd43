import { Embedding } from "../../../../nn/embedding.js";
import { Linear } from "../../../../nn/linear.js";
import { withState } from "../../../onnx/import/imported-layer.js";
import type { LayerStep } from "../layer-step.js";
import { featuresByChannel, rearranged } from "../rearranged.js";
import type { Value } from "../value.js";
import { activated } from "./activations.js";
import type { Row } from "./row.js";

/** Over the last axis. Behind planes that were flattened, its rows are put in their order here. */
function importDense(at: LayerStep): Value {
  const { x } = at;
  const { shape, data } = at.weight("kernel");
  if (shape.length !== 2) throw at.refuse(`a kernel of rank ${shape.length}`);
  if (x.shape.length < 2) throw at.refuse(`an input of rank ${x.shape.length}`);
  const [inputs, outputs] = shape;
  at.checkFeatures(inputs);
  const bias = at.bias(outputs);
  const { order } = x;
  const make = (): Linear => {
    const rows = typeof order === "string" ? data : featuresByChannel(data, order.channels, outputs);
    const weight = rearranged({ shape, data: rows }, [1, 0]).data;
    return withState(new Linear(inputs, outputs, { bias: bias !== null }), {
      weight,
      ...(bias === null ? {} : { bias }),
    });
  };
  const ref = at.module(make, order === "first" ? at.keras(x) : x.ref);
  return activated(at, at.plain(ref, [...x.shape.slice(0, -1), outputs]));
}

function importEmbedding(at: LayerStep): Value {
  const { shape, data } = at.weight("embeddings");
  if (shape.length !== 2) throw at.refuse(`embeddings of rank ${shape.length}`);
  const [rows, width] = shape;
  const { x } = at;
  const ref = at.module(() => withState(new Embedding(rows, width), { weight: data }), at.keras(x));
  const y = at.plain(ref, [...x.shape, width]);
  return at.flag("mask_zero", false) ? { ...y, mask: at.op("notEqual", at.keras(x), 0) } : y;
}

/** Layers over the last axis. */
export const denseRows: Readonly<Record<string, Row>> = { Dense: importDense, Embedding: importEmbedding };
