import { noGrad } from "../../autograd.js";
import { type Population, populationOf } from "../../graph/statistics/population.js";
import { Sigmoid, Tanh } from "../../nn/activations.js";
import type { ChannelAxis } from "../../nn/layer-traits.js";
import type { AnyModule, Module } from "../../nn/module.js";
import { InstanceNorm } from "../../nn/norms/instance-norm.js";
import { Norm } from "../../nn/norms/norm.js";
import { RunningNorm } from "../../nn/norms/running-norm.js";
import { Weighted } from "../../nn/reparametrized/weighted.js";
import { scope } from "../../scope.js";
import { empty, type Tensor } from "../../tensor.js";
import { inputsOf } from "../../train/step.js";
import { channelAxes, channelsOf } from "../channel-axis.js";
import { type ChannelSummary, mergeSummaries, PendingSummary, type SummaryOptions } from "../summary.js";
import type { SampleMoments } from "./batch-noise.js";
import type { DiagnosedBatch } from "./passes.js";

/** Of so many samples the moments are kept one by one. */
const samplesKept = 1024;
/** Saturation is counted by the first and the last of a hundred bins over a sigmoid's range: 1 % at either end. */
const ends: SummaryOptions = { bins: 100, range: null, mostCounted: Number.POSITIVE_INFINITY };
const counting: SummaryOptions = { bins: 1, range: [0, 1], mostCounted: 1 };

/** What was seen of a layer over all data. */
export interface Observation {
  readonly module: AnyModule;
  readonly name: string;
  /** Of its input and its output. */
  input: readonly ChannelSummary[];
  output: readonly ChannelSummary[];
  /** How many values lie near the ends of a sigmoid or tanh; null for others. */
  ends: number | null;
  /** Of a norm that trains with batch statistics: the first samples. */
  readonly samples: Float64Array[];
  readonly channels: number;
  /** Of a norm with running statistics. */
  readonly population: Population | null;
  /** What gave the very tensor that this layer was given. */
  readonly before: AnyModule | null;
}

/** A layer in one batch, still with the backend. */
interface Sighting {
  readonly module: AnyModule;
  readonly before: AnyModule | null;
  readonly input: PendingSummary | null;
  readonly output: PendingSummary;
  readonly samples: Tensor | null;
}

/**
 * Runs a model over batches, as its modes and switches stand, and gathers what norms, activations and layers with
 * weights are given and give, in the order in which they are applied.
 */
export async function observe(model: Module, batches: AsyncIterable<DiagnosedBatch<unknown>>): Promise<Observation[]> {
  const names = new Map(model.namedModules().map(([name, module]) => [module, name]));
  const axes = channelAxes(model);
  const observations = new Map<AnyModule, Observation>();
  let kept = 0;
  for await (const batch of batches) {
    const wantsSamples = kept < samplesKept;
    const { sightings, moments } = look(model, batch, [...names.keys()], axes, wantsSamples);
    kept += batch.inputs.shape[0];
    for (const sighting of sightings) await include(observations, sighting, names.get(sighting.module) ?? "");
    for (const [norm, block] of moments) {
      const values = await block.backend.readWide(block.block, block.size);
      block.dispose();
      observations.get(norm)?.population?.add(values);
    }
  }
  return [...observations.values()];
}

/** One forward pass. */
function look(
  model: Module,
  batch: DiagnosedBatch<unknown>,
  modules: readonly AnyModule[],
  axes: ReadonlyMap<AnyModule, ChannelAxis>,
  wantsSamples: boolean,
): { sightings: Sighting[]; moments: [RunningNorm, Tensor][] } {
  const sightings: Sighting[] = [];
  const moments: [RunningNorm, Tensor][] = [];
  const makers = new Map<Tensor, AnyModule>();
  const stops = modules.flatMap((module) => {
    if (!(module instanceof Norm || module instanceof Weighted || module.isElementwise)) return [];
    const hook = module.onForward((_, x, y) => {
      const axis = axes.get(module) ?? "second";
      sightings.push({
        module,
        before: makers.get(x) ?? null,
        input: module instanceof Norm ? new PendingSummary(x, channelsOf(x, axis), counting) : null,
        output: new PendingSummary(y, channelsOf(y, axis), countingOf(module)),
        samples: wantsSamples && usesBatches(module) ? momentsOfSamples(x) : null,
      });
      makers.set(y, module);
    });
    return module instanceof RunningNorm
      ? [hook, module.observe((found) => moments.push([module, found.alias()]))]
      : [hook];
  });
  try {
    scope(() =>
      noGrad(() => {
        Reflect.apply(model.forward, model, batch.all ?? [inputsOf(batch)]);
      }),
    );
  } finally {
    for (const stop of stops) stop();
  }
  return { sightings, moments };
}

/** Whether a norm is trained with the statistics of batches. */
export function usesBatches(module: AnyModule): module is RunningNorm {
  return module instanceof RunningNorm && !(module instanceof InstanceNorm);
}

function countingOf(module: AnyModule): SummaryOptions {
  if (module instanceof Sigmoid) return { ...ends, range: [0, 1] };
  return module instanceof Tanh ? { ...ends, range: [-1, 1], bins: 200 } : counting;
}

function momentsOfSamples(x: Tensor): Tensor {
  const { outer, kept, inner } = channelsOf(x, "second");
  const rows = outer * kept;
  const moments = empty("diagnose", x.backend, [rows, 3], 8).persist();
  x.backend.moments(x.block, { outer: 1, kept: rows, inner, repeat: inner, period: rows }, null, moments.block);
  return moments;
}

async function include(
  observations: Map<AnyModule, Observation>,
  { module, before, input, output, samples }: Sighting,
  name: string,
): Promise<void> {
  const given = (await input?.read())?.channels ?? [];
  const { channels, histogram, outside } = await output.read();
  let known = observations.get(module);
  if (known === undefined) {
    const population = module instanceof RunningNorm ? populationOf(module) : null;
    const sizes = { channels: channels.length, population, before };
    known = { module, name, input: [], output: [], ends: null, samples: [], ...sizes };
    observations.set(module, known);
  }
  known.input = merge(known.input, given);
  known.output = merge(known.output, channels);
  const counts = histogram?.counts ?? [];
  if (counts.length > 1)
    known.ends = (known.ends ?? 0) + outside[0] + outside[1] + counts[0] + counts[counts.length - 1];
  if (samples !== null) {
    known.samples.push(await samples.backend.readWide(samples.block, samples.size));
    samples.dispose();
  }
}

/** A layer whose channels depend on the batch (its last axis does) keeps those that all batches have. */
function merge(a: readonly ChannelSummary[], b: readonly ChannelSummary[]): readonly ChannelSummary[] {
  return a.length === 0 ? b : a.slice(0, b.length).map((channel, k) => mergeSummaries(channel, b[k]));
}

/** The moments of samples, one after another. */
export function sampleMoments({ samples, channels }: Observation): SampleMoments {
  const values = new Float64Array(samples.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of samples) {
    values.set(part, at);
    at += part.length;
  }
  return { values, channels };
}
