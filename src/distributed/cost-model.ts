import type { Module } from "../nn/module.js";
import { isSynchronized } from "../nn/norms/sync-batch-norm.js";
import { bucketSizes } from "./ranks.js";

/** A collective of a training step. */
export interface StepCollective {
  /** What it is for. */
  readonly purpose: string;
  /** Which collective it is. */
  readonly kind: "allGather" | "allReduce";
  /** What each rank hands over. */
  readonly bytes: number;
}

/** What a training step exchanges. */
export interface StepCost {
  /** In the order in which a step calls them, gradients of one bucket together. */
  readonly collectives: readonly StepCollective[];
  /** What each rank hands over in all. */
  readonly bytes: number;
}

/** A network between ranks. */
export interface Link {
  /** How many ranks, ≥ 1. */
  readonly ranks: number;
  /** Seconds that the smallest message takes. */
  readonly latency: number;
  /** Bytes in a second. */
  readonly bandwidth: number;
}

const float64Bytes = 8;
const float32Bytes = 4;

/**
 * What each rank hands over in a training step of {@link fit} with a communicator: counts; for each synchronised batch
 * norm of C channels 3C numbers forward and 2C backward in float64, with a mark; the gradients in float32; metrics.
 *
 * @param model - as it will be trained: with {@link syncBatchNorm} or without
 * @example
 * ```ts
 * const model = new Sequential(new Linear(4, 8), new BatchNorm(8), new Linear(8, 2));
 * stepCost(model).bytes; // 384
 * ```
 */
export function stepCost(model: Module): StepCost {
  const marked = (purpose: string, kind: StepCollective["kind"], values: number): StepCollective => ({
    purpose,
    kind,
    bytes: float64Bytes * (1 + values),
  });
  const norms = model
    .namedModules()
    .flatMap(([name, module]) => (isSynchronized(module) && module.sync !== null ? [{ name, module }] : []));
  const collectives = [
    marked("start of the step", "allGather", 2),
    ...norms.map(({ name, module }) => marked(`${module} at ${name}, forward`, "allGather", 3 * module.numFeatures)),
    ...[...norms]
      .reverse()
      .map(({ name, module }) => marked(`${module} at ${name}, backward`, "allReduce", 2 * module.numFeatures)),
    ...bucketSizes(model.parameters()).map(
      (values, k): StepCollective => ({
        purpose: `gradients, part ${k + 1}`,
        kind: "allReduce",
        bytes: float32Bytes * values,
      }),
    ),
    marked("metrics of the step", "allReduce", 4),
  ];
  return { collectives, bytes: collectives.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/**
 * Seconds that a step's collectives take if nothing hides them: latency and bandwidth of the algorithms that MPI
 * libraries use (Thakur, Rabenseifner & Gropp 2005, doi:10.1177/1094342005051521). With p ranks and n bytes: all-reduce
 * 2·log₂p·latency + 2·(p − 1)/p·n/bandwidth, all-gather log₂p·latency + (p − 1)·n/bandwidth.
 */
export function predictSeconds({ collectives }: StepCost, { ranks, latency, bandwidth }: Link): number {
  const rounds = Math.ceil(Math.log2(ranks));
  return collectives.reduce((seconds, { kind, bytes }) => {
    const own =
      kind === "allReduce"
        ? 2 * rounds * latency + (2 * ((ranks - 1) / ranks) * bytes) / bandwidth
        : rounds * latency + ((ranks - 1) * bytes) / bandwidth;
    return seconds + own;
  }, 0);
}
