import { reshape } from "../../../ops/reshape.js";
import { transpose } from "../../../ops/transpose.js";
import type { Shape } from "../../../shape.js";
import type { Tensor } from "../../../tensor.js";
import { biasOf, type Weights } from "./export-convolutions.js";
import { elementsOf, TfjsConstant, type TfjsValue } from "./tfjs-value.js";
import type { TfjsWriter } from "./tfjs-writer.js";

export function exportLinear(layer: Weights, x: TfjsValue, graph: TfjsWriter, shape: Shape): TfjsValue {
  const { weight, bias } = layer;
  const [outputs, inputs] = weight.shape;
  const source = x.shape.length === 1 ? x : graph.here(x);
  const elements = elementsOf(source);
  const from = weight.dataSync();
  const values = from.map((_, i) => {
    const row = Math.floor(i / outputs);
    return from[(i % outputs) * inputs + (elements === null ? row : elements[row])];
  });
  const weights = { kernel: { shape: [inputs, outputs], values }, ...biasOf(layer) };
  const config = { units: outputs, activation: "linear", use_bias: bias !== null };
  return graph.layer("Dense", [source], config, { weights, shape, order: "here" });
}

export function exportEmbedding(
  { weight }: Pick<Weights, "weight">,
  x: TfjsValue,
  graph: TfjsWriter,
  shape: Shape,
): TfjsValue {
  const [rows, width] = weight.shape;
  const weights = { embeddings: { shape: [rows, width], values: weight.dataSync() } };
  const config = { input_dim: rows, output_dim: width, mask_zero: false };
  return graph.layer("Embedding", [graph.here(x)], config, { weights, shape });
}

/** With a matrix of the network's own a Dense, else a Dot, which TF.js has for one matrix in a sample. */
export function exportMatmul([a, b]: readonly [TfjsValue, TfjsValue], shape: Shape, graph: TfjsWriter): TfjsValue {
  const right = matrixOf(b);
  if (right !== null) return exportLinear({ weight: transpose(right), bias: null }, a, graph, shape);
  const left = matrixOf(a);
  if (left !== null && b.shape.length === 2) {
    const swap = (x: TfjsValue, role: string): TfjsValue =>
      graph.layer("Permute", [x], { dims: [2, 1] }, { shape: [...x.shape].reverse(), role });
    const swapped = swap(graph.here(b), "swap");
    const product = exportLinear({ weight: left, bias: null }, swapped, graph, [shape[1], shape[0]]);
    return swap(product, "back");
  }
  const isPair = [a, b].every((side) => !(side instanceof TfjsConstant) && side.shape.length === 2);
  if (isPair) {
    const sides = [graph.here(a), graph.here(b)];
    return graph.layer("Dot", sides, { axes: [2, 1], normalize: false }, { shape });
  }
  const sizes = ({ shape: own, ...side }: TfjsValue): string =>
    [...(side instanceof TfjsConstant ? [] : ["N"]), ...own].join("×");
  return graph.refuse(
    "matmul of N×m×k and N×k×n, or by one matrix of the network's own, as layers of TF.js have it",
    `matmul of ${sizes(a)} and ${sizes(b)}`,
    "Join axes of the sample before, or give its class toTfjs(x, graph).",
  );
}

/** A constant that is one matrix. */
function matrixOf(side: TfjsValue): Tensor | null {
  if (!(side instanceof TfjsConstant)) return null;
  const { shape } = side;
  return shape.slice(0, -2).every((size) => size === 1) ? reshape(side.tensor, shape.slice(-2)) : null;
}
