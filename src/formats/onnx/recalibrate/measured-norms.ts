import type { LeftNorm } from "../../../graph/fold/fold-batch-norm.js";
import { Population } from "../../../graph/statistics/population.js";
import { isOp } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import type { TensorValues } from "../file/tensor-values.js";
import { placeOf } from "../fold/fold-norms.js";
import { dropsInTraining } from "../fold/passing-nodes.js";
import { fixedParameters, isBatchNorm } from "../graph/batch-norm-node.js";
import type { OnnxGraph } from "../graph/graph.js";
import type { OnnxModel } from "../graph/onnx-model.js";
import { RanksOfGraphs } from "../graph/ranks.js";
import { whyInside } from "./inner-moments.js";

/** A batch norm whose running statistics can be measured anew. */
export interface MeasuredNorm {
  readonly graph: OnnxGraph;
  readonly node: NodeProto;
  readonly norm: string;
  readonly mean: TensorValues;
  readonly variance: TensorValues;
  /** How many norms stand before it in a row. */
  readonly level: number;
  /** How many axes its input has, where the graph tells; a norm inside another graph is only here if it does. */
  readonly rank: number | undefined;
  readonly population: Population;
}

/** The batch norms of a model, in the order of the file: those that can be measured, and why others cannot. */
export function findMeasuredNorms(model: OnnxModel): { norms: MeasuredNorm[]; left: LeftNorm[] } {
  const norms: MeasuredNorm[] = [];
  const left: LeftNorm[] = [];
  const levels = new Levels();
  /** 1 for values that a Dropout in training mode reaches: whoever repairs the model has others there. */
  const dropped = new Levels();
  const ranks = new RanksOfGraphs();

  function see(graph: OnnxGraph, node: NodeProto, level: number): void {
    const norm = placeOf(graph, node);
    const statistics = fixedParameters(graph, node, ["mean", "variance"]);
    const rank = graph.parent === null ? undefined : ranks.of(graph).get(node.input[0]);
    const isUnknown = graph.parent !== null && rank === undefined;
    const cannot = isUnknown ? "the number of axes of its input is unknown" : whyInside(graph);
    if (graph.isConstant(node.input[0])) left.push({ norm, reason: "its input is constant, such as a weight" });
    else if (typeof statistics === "string") left.push({ norm, reason: statistics });
    else if (cannot !== null) left.push({ norm, reason: cannot });
    else if (dropped.get(graph, node.input[0]) > 0)
      left.push({ norm, reason: "a Dropout before it is in training mode; repair the model first" });
    else {
      // The file may hold float64; what does not fit a smaller type is an error of its own.
      const { mean, variance } = statistics;
      const population = new Population({ channels: mean.data.length, round: (value) => value });
      norms.push({ graph, node, norm, mean, variance, level, rank, population });
    }
  }

  function visit(graph: OnnxGraph, entry: number, drop: number): number {
    for (const { name } of graph.parent === null ? [] : graph.proto.input) {
      levels.set(graph, name, entry);
      dropped.set(graph, name, drop);
    }
    for (const node of graph.nodes) {
      const before = levels.most(graph, node.input);
      const isDropping = isOp(node, "Dropout") && dropsInTraining(graph, node);
      const own = isDropping ? 1 : dropped.most(graph, node.input);
      const inside = graph.inside.get(node) ?? [];
      const after = inside.reduce((most, inner) => Math.max(most, visit(inner, before, own)), before);
      const known = norms.length;
      if (isBatchNorm(node)) see(graph, node, before);
      const all = inside.map((inner) => dropped.most(inner, outputsOf(inner)));
      for (const name of node.output) {
        levels.set(graph, name, after + norms.length - known);
        dropped.set(graph, name, Math.max(own, ...all));
      }
    }
    return Math.max(entry, levels.most(graph, outputsOf(graph)));
  }

  visit(model.main, 0, 0);
  for (const body of model.functions) {
    for (const node of body.nodes.filter(isBatchNorm)) {
      left.push({
        norm: placeOf(body, node),
        reason: "it stands in a function of the model, whose nodes serve every call",
      });
    }
  }
  return { norms, left };
}

function outputsOf({ proto }: OnnxGraph): string[] {
  return proto.output.map(({ name }) => name);
}

/** A number for each value, 0 at first: how many norms that can be measured stand before it in a row. */
class Levels {
  readonly #levels = new Map<OnnxGraph, Map<string, number>>();

  get(graph: OnnxGraph, name: string): number {
    const own = this.#levels.get(graph)?.get(name);
    return own ?? (graph.parent === null ? 0 : this.get(graph.parent, name));
  }

  most(graph: OnnxGraph, names: readonly string[]): number {
    return names.reduce((most, name) => Math.max(most, this.get(graph, name)), 0);
  }

  set(graph: OnnxGraph, name: string, level: number): void {
    let own = this.#levels.get(graph);
    if (own === undefined) {
      own = new Map();
      this.#levels.set(graph, own);
    }
    own.set(name, level);
  }
}
