import type { ModelArrays } from "../../foreign/arrays.js";
import { normalizeByBatch } from "../graph/batch-statistics.js";
import { OnnxModel } from "../graph/onnx-model.js";
import { type OnnxOutput, type OnnxSession, openSession } from "../runtime.js";
import { channelMoments } from "./channel-moments.js";
import { exposeMoments, innerMoments } from "./inner-moments.js";
import type { MeasuredNorm } from "./measured-norms.js";

/** A model as bytes, and the model that norms were found in: the same graphs and nodes, maybe with other constants. */
export interface ExposedModel {
  readonly where: string;
  readonly bytes: Uint8Array;
  readonly model: OnnxModel;
}

/**
 * A session that gives what norms read: the values, or, of a norm inside another graph, their moments.
 *
 * @param ranks - how many axes each norm's input has, where every norm shall normalise by the batch; null: they stay as
 * they are
 */
export async function openExposed(
  source: ExposedModel,
  norms: readonly MeasuredNorm[],
  ranks: readonly number[] | null = null,
): Promise<{ readonly session: OnnxSession; readonly outputs: readonly string[] }> {
  const { where, bytes, model } = source;
  const { codec, files } = model;
  const isInner = norms.some(({ graph }) => graph.parent !== null);
  if (!isInner && ranks === null) {
    const outputs = norms.map(({ node }) => node.input[0]);
    return { outputs, session: await open(where, bytes, outputs) };
  }
  const copy = await OnnxModel.read(where, bytes, model);
  const graphs = [...copy.graphs()];
  const places = new Map([...model.graphs()].map((graph, k) => [graph, k]));
  const twins = norms.map(({ graph, node }) => {
    const twin = graphs[places.get(graph) ?? -1];
    const own = twin?.makerOf(node.output[0]);
    if (own === undefined) throw new Error("internal: a norm is not in the copy");
    return { twin, own };
  });
  const outputs = norms.map(({ graph, node, rank = 0, mean }, k) =>
    graph.parent === null ? node.input[0] : exposeMoments(twins[k].twin, twins[k].own, rank, mean.data.length),
  );
  ranks?.forEach((rank, k) => {
    normalizeByBatch(twins[k].twin, twins[k].own, rank);
  });
  return { outputs, session: await open(where, copy.write(true), outputs) };

  function open(place: string, of: Uint8Array, names: readonly string[]): Promise<OnnxSession> {
    return openSession(place, codec.onlyOutputs(place, of, names), { files });
  }
}

/** Adds what a batch gave a norm to its moments. */
export function addBatch({ graph, population, mean }: MeasuredNorm, { values, shape }: OnnxOutput): void {
  const isOutside = graph.parent === null;
  population.add(isOutside ? channelMoments(values, shape) : innerMoments(values, mean.data.length));
}

/** How many axes each norm's input has: of those of the main graph found by running a batch. */
export async function ranksOfInputs(
  source: ExposedModel,
  norms: readonly MeasuredNorm[],
  batch: ModelArrays,
): Promise<number[]> {
  const outer = norms.filter(({ graph }) => graph.parent === null);
  if (outer.length === 0) return norms.map(({ rank = 0 }) => rank);
  const { session } = await openExposed(source, outer);
  try {
    const given = await session.run(batch);
    return norms.map(({ graph, node, rank = 0 }) => (graph.parent === null ? given[node.input[0]].shape.length : rank));
  } finally {
    await session.release();
  }
}
